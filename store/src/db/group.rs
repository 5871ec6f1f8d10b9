//! Jobs of one kind that arrive while an earlier one is being done are done together: one round trip and, for writes, one flush
//! to disk serve many. Alone, a job waits for nobody.

use super::{Engine, Store, StoreError, WriteSet, json};
use serde::Serialize;
use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Jobs that are done together at most.
const GROUP_MAX: usize = 128;
/// Groups done at the same time on PostgreSQL, where one can be computed while another is flushed. SQLite has one writer.
const AT_ONCE_MAX: usize = 2;

/// A job and who waits for its answer.
struct Entry<J, A> {
    job: J,
    done: oneshot::Sender<A>,
}

struct Queue<J, A> {
    waiting: VecDeque<Entry<J, A>>,
    running: usize,
}

/// The jobs of one kind that wait.
pub(crate) struct Group<J, A> {
    queue: Arc<Mutex<Queue<J, A>>>,
}

impl<J, A> Clone for Group<J, A> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
        }
    }
}

impl<J, A> Default for Group<J, A> {
    fn default() -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            running: 0,
        };
        Self {
            queue: Arc::new(Mutex::new(queue)),
        }
    }
}

impl<J: Send + 'static, A: Send + 'static> Group<J, A> {
    /// Has `job` done by `work`, together with others that wait; `work` answers each job of a group, in their order. All
    /// jobs of a group come with the same work.
    pub(crate) async fn join<W, F>(&self, store: &Store, job: J, work: W) -> Result<A, StoreError>
    where
        W: Fn(Store, Vec<J>) -> F + Send + 'static,
        F: Future<Output = Vec<A>> + Send,
    {
        let (done, answer) = oneshot::channel();
        let start = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.push_back(Entry { job, done });
            let free = queue.running < at_once_max(store.engine());
            queue.running += usize::from(free);
            free
        };
        if start {
            // A task of its own: the caller may go away, the others' jobs must not go with it.
            let (group, store) = (self.clone(), store.clone());
            tokio::spawn(async move { group.run(&store, work).await });
        }
        // Everything that is taken from the queue is answered; it can only fail to be when the runtime ends.
        answer
            .await
            .map_err(|_| StoreError::Unavailable(sqlx::Error::WorkerCrashed))
    }

    async fn run<W, F>(self, store: &Store, work: W)
    where
        W: Fn(Store, Vec<J>) -> F,
        F: Future<Output = Vec<A>>,
    {
        loop {
            let (jobs, waiting): (Vec<J>, Vec<_>) = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let count = queue.waiting.len().min(GROUP_MAX);
                if count == 0 {
                    queue.running -= 1;
                    return;
                }
                queue
                    .waiting
                    .drain(..count)
                    .map(|entry| (entry.job, entry.done))
                    .unzip()
            };
            for (done, answer) in waiting.into_iter().zip(work(store.clone(), jobs).await) {
                // A caller that has gone does not listen any more.
                let _ = done.send(answer);
            }
        }
    }
}

fn at_once_max(engine: Engine) -> usize {
    match engine {
        Engine::Postgres => AT_ONCE_MAX,
        Engine::Sqlite => 1,
    }
}

/// The rows of transactions that are one write and nothing else (orders being taken), by write. Each value is the text of a JSON
/// array.
pub(super) type Rows = HashMap<&'static str, String>;
/// Transactions that wait for their commit; all use the same set of writes.
pub(super) type Commits = Group<Rows, Result<(), StoreError>>;

impl Store {
    /// Commits `rows` with `set`, together with others that wait.
    pub(super) async fn commit_grouped(&self, set: &'static WriteSet, rows: Rows) -> Result<(), StoreError> {
        let work = move |store: Store, group: Vec<Rows>| async move { store.write_group(set, group).await };
        self.commits.join(self, rows, work).await?
    }

    async fn write_group(&self, set: &'static WriteSet, group: Vec<Rows>) -> Vec<Result<(), StoreError>> {
        if group.len() > 1 {
            match self.write_alone(set, &merge(&group)).await {
                Ok(()) => return group.iter().map(|_| Ok(())).collect(),
                // Something in one of them is refused: each is tried by itself, and only the culprit hears of it.
                Err(StoreError::Data(_)) => {}
                Err(error) => {
                    tracing::warn!(%error, writes = group.len(), "a group of writes failed");
                    return group.iter().map(|_| Err(failed_together())).collect();
                }
            }
        }
        let mut answers = Vec::with_capacity(group.len());
        for rows in &group {
            answers.push(self.write_alone(set, rows).await);
        }
        answers
    }
}

/// What each member of a group hears when all of it failed; the reason is in the log once.
const fn failed_together() -> StoreError {
    StoreError::Unavailable(sqlx::Error::WorkerCrashed)
}

/// The answers of a group of `count` whose one statement failed.
pub(crate) fn all_failed<A>(error: StoreError, count: usize) -> Vec<Result<A, StoreError>> {
    if count == 1 {
        return vec![Err(error)];
    }
    tracing::warn!(%error, requests = count, "a group of look-ups failed");
    (0..count).map(|_| Err(failed_together())).collect()
}

/// Things that are asked for by their ids, one by one.
pub(crate) type ById<K, T> = Group<K, Result<Option<T>, StoreError>>;

#[derive(Serialize)]
struct IdRow<K> {
    id: K,
}

impl<K, T> ById<K, T>
where
    K: Copy + Eq + Hash + Ord + Serialize + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// What has this id. Those that are asked for together are read together, by `read`: it is given the ids as the JSON rows
    /// `{rows $1 r: id …}`, each once, and answers in any order. What was committed before the call is seen: a group is read
    /// when the last of it has joined.
    pub(crate) async fn get<W, F>(
        &self,
        store: &Store,
        id: K,
        read: W,
        id_of: fn(&T) -> K,
    ) -> Result<Option<T>, StoreError>
    where
        W: Fn(Store, String) -> F + Copy + Send + 'static,
        F: Future<Output = Result<Vec<T>, StoreError>> + Send,
    {
        let work = move |store: Store, ids: Vec<K>| async move {
            let mut once = ids.clone();
            once.sort_unstable();
            once.dedup();
            let rows: Vec<IdRow<K>> = once.into_iter().map(|id| IdRow { id }).collect();
            let found = match json(&rows) {
                Ok(rows) => read(store, rows).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => {
                    let found: HashMap<K, T> = found.into_iter().map(|one| (id_of(&one), one)).collect();
                    ids.iter().map(|id| Ok(found.get(id).cloned())).collect()
                }
                Err(error) => all_failed(error, ids.len()),
            }
        };
        self.join(store, id, work).await?
    }
}

/// The rows of all of a group, by write.
fn merge(group: &[Rows]) -> Rows {
    let mut merged: Rows = HashMap::new();
    for (name, rows) in group.iter().flatten() {
        let inner = rows
            .strip_prefix('[')
            .and_then(|rows| rows.strip_suffix(']'))
            .unwrap_or_default();
        if inner.is_empty() {
            continue;
        }
        let all = merged.entry(name).or_insert_with(|| "[".to_owned());
        if all.len() > 1 {
            all.push(',');
        }
        all.push_str(inner);
    }
    for rows in merged.values_mut() {
        rows.push(']');
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_several_writes_become_one_array() {
        let rows =
            |rows: &[(&'static str, &str)]| rows.iter().map(|(name, rows)| (*name, (*rows).to_owned())).collect();
        let merged = merge(&[rows(&[("a", "[1,2]"), ("b", "[]")]), rows(&[("a", "[3]"), ("b", "[]")])]);
        assert_eq!(merged.get("a").map(String::as_str), Some("[1,2,3]"));
        assert_eq!(merged.get("b"), None);
    }
}
