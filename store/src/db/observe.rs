//! What others may hear of the store's work, for metrics, which the store knows nothing of.

use super::{Store, StoreError};
use sqlx::{SqlSafeStr as _, Sqlite, SqlitePool, Transaction, pool::PoolConnection};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;

/// Hears of what the store does. Called with every statement, so it must neither block nor take long.
pub trait Observer: Send + Sync {
    /// A statement or transaction has its connection (on SQLite: and, to write, its turn), or has given up, after this wait.
    fn acquired(&self, waited: Duration);
    /// A statement has ended, well or not, or nobody waits for it any more.
    fn executed(&self, took: Duration);
}

/// Tells the observer, where there is one, when it is dropped: what nobody waits for any more is told, too.
pub(super) struct Watch<'a> {
    observer: Option<(&'a dyn Observer, Instant)>,
    tell: fn(&dyn Observer, Duration),
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some((observer, started)) = self.observer {
            (self.tell)(observer, started.elapsed());
        }
    }
}

impl Store {
    /// Tells `observer` of everything from now on.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    fn watch(&self, tell: fn(&dyn Observer, Duration)) -> Watch<'_> {
        let observer = self.observer.as_deref().map(|observer| (observer, Instant::now()));
        Watch { observer, tell }
    }

    /// Measures the wait for a connection until it is dropped.
    pub(super) fn waiting(&self) -> Watch<'_> {
        self.watch(|observer, waited| observer.acquired(waited))
    }

    /// Runs a statement, which is counted and timed.
    pub(super) async fn observe<T>(&self, statement: impl Future<Output = T>) -> T {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let _watch = self.watch(|observer, took| observer.executed(took));
        statement.await
    }

    /// A connection to SQLite.
    pub(super) async fn acquire_sqlite(&self, pool: &SqlitePool) -> Result<PoolConnection<Sqlite>, StoreError> {
        let _watch = self.waiting();
        // Boxed, as sqlx does it: what connects is large, and is in every future that has a statement.
        Ok(Box::pin(pool.acquire()).await?)
    }

    /// SQLite: begins a transaction that may write, in its turn. One that reads and then writes must be a writer from the
    /// start, else it may find that it cannot become one.
    pub(super) async fn begin_to_write(
        &self,
        pool: &SqlitePool,
    ) -> Result<(Transaction<'static, Sqlite>, OwnedSemaphorePermit), StoreError> {
        let watch = self.waiting();
        let permit = self.permit_to_write().await?;
        let connection = Box::pin(pool.acquire()).await?;
        drop(watch);
        let begin = Transaction::begin(connection, Some("BEGIN IMMEDIATE".into_sql_str()));
        Ok((self.observe(begin).await?, permit))
    }
}
