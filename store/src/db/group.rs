//! Group commit: transactions that are one write and nothing else (orders being taken) share a commit with those that arrive
//! while the one before is being written. Alone, a write waits for nobody; under load, one round trip and one flush to disk
//! serve many.

use super::{Store, StoreError, WriteSet};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Writes that share a commit at most.
const GROUP_MAX: usize = 128;
/// Groups written at the same time on PostgreSQL, where one can be computed while another is flushed. SQLite has one writer.
const WRITERS_MAX: usize = 2;

type Rows = HashMap<&'static str, String>;

struct Entry {
    rows: Rows,
    done: oneshot::Sender<Result<(), StoreError>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Entry>,
    writers: usize,
}

/// The writes that wait for their commit.
#[derive(Clone, Default)]
pub(super) struct Group {
    queue: Arc<Mutex<Queue>>,
}

impl Group {
    /// Commits `rows` with `set`, together with others that wait. All members of a group use the same set.
    pub(super) async fn commit(&self, store: &Store, set: &'static WriteSet, rows: Rows) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let start = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.push_back(Entry { rows, done });
            let free = queue.writers < writers_max(store);
            queue.writers += usize::from(free);
            free
        };
        if start {
            // A task of its own: the caller may go away, the others' writes must not go with it.
            let (group, store) = (self.clone(), store.clone());
            tokio::spawn(async move { group.write_all(&store, set).await });
        }
        // The writer answers everything it took from the queue; it can only fail to when the runtime ends.
        answer
            .await
            .unwrap_or(Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    async fn write_all(self, store: &Store, set: &'static WriteSet) {
        loop {
            let entries: Vec<Entry> = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let count = queue.waiting.len().min(GROUP_MAX);
                if count == 0 {
                    queue.writers -= 1;
                    return;
                }
                queue.waiting.drain(..count).collect()
            };
            write_group(store, set, entries).await;
        }
    }
}

fn writers_max(store: &Store) -> usize {
    if store.engine() == super::Engine::Postgres {
        WRITERS_MAX
    } else {
        1
    }
}

async fn write_group(store: &Store, set: &'static WriteSet, entries: Vec<Entry>) {
    if entries.len() > 1 {
        let merged = merge(&entries);
        match store.write_alone(set, &merged).await {
            // Something in one of them is refused: each is tried by itself, and only the culprit hears of it.
            Err(StoreError::Data(_)) => {}
            Ok(()) => {
                for entry in entries {
                    // A caller that has gone does not listen any more.
                    let _ = entry.done.send(Ok(()));
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%error, writes = entries.len(), "a group of writes failed");
                for entry in entries {
                    let _ = entry
                        .done
                        .send(Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)));
                }
                return;
            }
        }
    }
    for entry in entries {
        let result = store.write_alone(set, &entry.rows).await;
        let _ = entry.done.send(result);
    }
}

/// The rows of all entries, by write. Each value is the text of a JSON array.
fn merge(entries: &[Entry]) -> Rows {
    let mut merged: Rows = HashMap::new();
    for entry in entries {
        for (name, rows) in &entry.rows {
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
        let entry = |rows: &[(&'static str, &str)]| Entry {
            rows: rows.iter().map(|(name, rows)| (*name, (*rows).to_owned())).collect(),
            done: oneshot::channel().0,
        };
        let merged = merge(&[
            entry(&[("a", "[1,2]"), ("b", "[]")]),
            entry(&[("a", "[3]"), ("b", "[]")]),
        ]);
        assert_eq!(merged.get("a").map(String::as_str), Some("[1,2,3]"));
        assert_eq!(merged.get("b"), None);
    }
}
