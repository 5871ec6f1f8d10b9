//! Which products and locations have changed since they were read: what whoever keeps them in memory asks before using them.
//!
//! Changes through this store are noted when they are committed. Those of others are heard of through a notification of
//! PostgreSQL, on a connection of its own; as long as nobody listens, nothing is known to be unchanged. SQLite has no such thing: a
//! database that others write, too, is heard of by nobody.

use crate::{
    StoreError,
    db::{Engine, Sql, Store},
};
use inventory_domain::event::EventType;
use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;
use uuid::Uuid;

/// Counters of each kind; a change of one thing is one of all that share its counter.
const COUNTERS: usize = 1_024;
const CHANNEL: &str = "inventory_catalogue";
/// How long connecting, or hearing of oneself, may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long it may be quiet before the connection is asked for a sign of life.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// Where Azure's PgBouncer listens, which hands no notifications on, and where PostgreSQL itself does
/// (<https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-pgbouncer>).
const PGBOUNCER_PORT: u16 = 6432;
const POSTGRES_PORT: u16 = 5432;

/// What changes are counted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Products.
    Product,
    /// Locations.
    Location,
}

impl Kept {
    /// What an event of this type has changed.
    pub(crate) const fn of(event_type: EventType) -> Option<Self> {
        match event_type {
            EventType::ProductCreated | EventType::ProductUpdated | EventType::ProductArchived => Some(Self::Product),
            EventType::LocationChanged => Some(Self::Location),
            _ => None,
        }
    }
}

struct Counters {
    products: Vec<AtomicU64>,
    locations: Vec<AtomicU64>,
    all: AtomicU64,
    is_heard: AtomicBool,
}

/// How often what is kept has changed; clones count the same.
#[derive(Clone)]
pub(crate) struct Changes(Arc<Counters>);

impl Changes {
    /// `is_heard`: whether nobody else can change anything.
    pub(crate) fn new(is_heard: bool) -> Self {
        let counters = || (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counters {
            products: counters(),
            locations: counters(),
            all: AtomicU64::new(0),
            is_heard: AtomicBool::new(is_heard),
        }))
    }

    fn counter(&self, kept: Kept, id: i64) -> &AtomicU64 {
        let counters = match kept {
            Kept::Product => &self.0.products,
            Kept::Location => &self.0.locations,
        };
        // Ids are positive; any other number is as good a counter.
        &counters[id.unsigned_abs() as usize % COUNTERS]
    }

    fn changed(&self, kept: Kept, id: i64) {
        self.counter(kept, id).fetch_add(1, Ordering::SeqCst);
    }

    fn these_changed(&self, of: &[(Kept, i64)]) {
        for (kept, id) in of {
            self.changed(*kept, *id);
        }
    }

    fn all_changed(&self) {
        self.0.all.fetch_add(1, Ordering::SeqCst);
    }
}

/// Tells of changes when it is dropped: after their commit, whatever became of it or of who asked for it.
pub(crate) struct Told {
    store: Store,
    of: Vec<(Kept, i64)>,
    is_over: bool,
}

impl Told {
    /// Of a transaction that is about to be committed.
    pub(crate) const fn new(store: Store, of: Vec<(Kept, i64)>) -> Self {
        let is_over = false;
        Self { store, of, is_over }
    }

    /// The commit is over, well or not.
    pub(crate) fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let changes = self.store.changes.clone();
        let of = std::mem::take(&mut self.of);
        changes.these_changed(&of);
        // Nobody waited for the end: the commit may be on its way still, and what is read meanwhile is what was before. PostgreSQL
        // tells of it; SQLite lets nobody else write until it is over.
        let runtime = tokio::runtime::Handle::try_current();
        if let (false, Engine::Sqlite, Ok(runtime)) = (self.is_over, self.store.engine(), runtime) {
            let store = self.store.clone();
            runtime.spawn(async move {
                drop(store.turn_to_write().await);
                changes.these_changed(&of);
            });
        }
    }
}

impl Store {
    /// A number that another one follows with every change of this thing; `None` while changes of others are not heard of.
    /// What is read after the number was asked for is as good as the number is the same.
    pub fn mark(&self, kept: Kept, id: i64) -> Option<u64> {
        let changes = &self.changes;
        let is_heard = changes.0.is_heard.load(Ordering::SeqCst);
        // Both only grow, so that their sum is the same only as long as each is.
        is_heard.then(|| {
            let own = changes.counter(kept, id).load(Ordering::SeqCst);
            own.wrapping_add(changes.0.all.load(Ordering::SeqCst))
        })
    }

    /// Hears of changes of others until that does not work any more, and says why; `began` is called when it does, again after
    /// each change of user or password. On SQLite it never ends.
    pub async fn hear_changes(&self, mut began: impl FnMut()) -> StoreError {
        loop {
            let made = Instant::now();
            let Some(options) = self.postgres_options() else {
                began();
                return std::future::pending().await;
            };
            tokio::select! {
                heard = self.hear(direct(options), &mut began) => match heard {
                    Ok(never) => match never {},
                    Err(error) => return error,
                },
                () = self.outdated(made) => {}
            }
        }
    }

    async fn hear(&self, options: PgConnectOptions, began: &mut impl FnMut()) -> Result<Infallible, StoreError> {
        static NOTIFY: Sql = Sql::new("SELECT pg_notify('inventory_catalogue', $1)");
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ANSWER_MAX)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        within(listener.listen(CHANNEL)).await?;
        // A pooler on the way takes the LISTEN and hands nothing on: only who hears of itself hears of others.
        let hello = Uuid::new_v4().to_string();
        self.execute(&NOTIFY, &[(&hello).into()]).await?;
        loop {
            if within(next(&mut listener)).await?.payload() == hello {
                break;
            }
        }
        let _deaf = Deaf(self.changes.clone());
        self.changes.all_changed();
        self.changes.0.is_heard.store(true, Ordering::SeqCst);
        began();
        loop {
            match timeout(QUIET_MAX, next(&mut listener)).await {
                Ok(notification) => self.note(notification?.payload()),
                Err(_) => {
                    within(sqlx::query("SELECT 1").execute(&mut listener)).await?;
                }
            }
        }
    }

    /// Notes what a notification says: `products:1,2` or `products:*`.
    fn note(&self, payload: &str) {
        let (table, ids) = payload.split_once(':').unwrap_or((payload, ""));
        let kept = match table {
            "products" => Kept::Product,
            "locations" => Kept::Location,
            // The hello of another instance.
            _ => return,
        };
        let ids: Result<Vec<i64>, _> = ids.split(',').map(str::parse).collect();
        match ids {
            Ok(ids) => ids.into_iter().for_each(|id| self.changes.changed(kept, id)),
            Err(_) => self.changes.all_changed(),
        }
    }
}

/// Nothing is heard any more.
struct Deaf(Changes);

impl Drop for Deaf {
    fn drop(&mut self) {
        self.0.0.is_heard.store(false, Ordering::SeqCst);
    }
}

fn direct(options: PgConnectOptions) -> PgConnectOptions {
    if options.get_port() == PGBOUNCER_PORT {
        options.port(POSTGRES_PORT)
    } else {
        options
    }
}

async fn next(listener: &mut PgListener) -> Result<PgNotification, sqlx::Error> {
    // `None`: the connection is lost, and with it what was said meanwhile.
    listener.try_recv().await?.ok_or(sqlx::Error::WorkerCrashed)
}

async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match timeout(ANSWER_MAX, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn a_commit_that_nobody_waited_for_is_told_of_when_it_is_over() {
        let store = Store::open(&Options {
            url: "sqlite::memory:".to_owned(),
            password: None,
            authentication: crate::Authentication::default(),
            connections_max: 2,
            acquire_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(30),
        })
        .unwrap();
        let mark = || store.mark(Kept::Product, 1).unwrap();
        Told::new(store.clone(), vec![(Kept::Product, 1)]).over();
        tokio::task::yield_now().await;
        assert_eq!(mark(), 1);

        // Somebody writes still, as the commit may that was given up.
        let writing = store.turn_to_write().await.unwrap();
        drop(Told::new(store.clone(), vec![(Kept::Product, 1)]));
        tokio::task::yield_now().await;
        assert_eq!(mark(), 2, "at once");
        drop(writing);
        while mark() < 3 {
            drop(store.turn_to_write().await.unwrap());
        }
    }
}
