//! Products and locations as they were read last: kept in the process for a while, never longer than they are unchanged.
//!
//! What is kept has, with its id, the number of changes when it was read ([`inventory_store::Kept`]): whoever asks after a change asks
//! for another number and finds nothing. So nobody is answered what was before its own write, and a read that began before a
//! change and ended after it is found by nobody. Of those who ask for the same at once one reads.

use crate::{CheckResult, Error, health::Health, metrics::CacheMetrics};
use futures_util::stream::{self, TryStreamExt as _};
use inventory_domain::{location::Location, product::Product};
use inventory_store::{Kept, Page, Store, StoreError, locations, products};
use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Things of a kind that are kept at most; the largest has about a kilobyte.
const ENTRIES_MAX: u64 = 20_000;
/// Things of a kind that are read when it begins.
const WARM: i64 = 1_000;
/// Of these, read at once.
const WARM_AT_ONCE: usize = 50;
/// First wait before others are listened to again; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Things of one kind.
struct Shelf<T> {
    kept: Option<Cache<(i64, u64), Arc<T>>>,
    metrics: CacheMetrics,
}

impl<T: Send + Sync + 'static> Shelf<T> {
    fn new(keep: Duration, metrics: CacheMetrics) -> Self {
        let cache = || Cache::builder().max_capacity(ENTRIES_MAX).time_to_live(keep).build();
        Self {
            kept: (!keep.is_zero()).then(cache),
            metrics,
        }
    }

    async fn get(
        &self,
        id: i64,
        mark: Option<u64>,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, Error> {
        let (Some(kept), Some(mark)) = (&self.kept, mark) else {
            return Ok(Arc::new(read.await?));
        };
        let found = kept.get(&(id, mark)).await;
        self.metrics.looked_up(found.is_some());
        match found {
            Some(found) => Ok(found),
            None => load(kept, (id, mark), read).await,
        }
    }

    /// As [`Shelf::get`], and nobody has asked for it.
    async fn warm(
        &self,
        id: i64,
        mark: Option<u64>,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(), Error> {
        match (&self.kept, mark) {
            (Some(kept), Some(mark)) => load(kept, (id, mark), read).await.map(drop),
            _ => Ok(()),
        }
    }
}

/// What is kept under `key`, else what is read; of those who want the same at once one reads.
async fn load<T: Send + Sync + 'static>(
    kept: &Cache<(i64, u64), Arc<T>>,
    key: (i64, u64),
    read: impl Future<Output = Result<T, StoreError>>,
) -> Result<Arc<T>, Error> {
    let read = async { Ok(Arc::new(read.await?)) };
    kept.try_get_with(key, read)
        .await
        .map_err(|error: Arc<Error>| (*error).clone())
}

/// What is kept of the catalogue.
pub(crate) struct CatalogueCache {
    products: Shelf<Product>,
    locations: Shelf<Location>,
    hearing: Health,
}

impl CatalogueCache {
    /// Keeps things for `keep` at most; for no time: not at all.
    pub(crate) fn new(keep: Duration, products: CacheMetrics, locations: CacheMetrics) -> Self {
        Self {
            products: Shelf::new(keep, products),
            locations: Shelf::new(keep, locations),
            hearing: Health::new("changes by other instances are not heard of yet"),
        }
    }

    pub(crate) async fn product(&self, store: &Store, id: i64) -> Result<Arc<Product>, Error> {
        let mark = store.mark(Kept::Product, id);
        self.products.get(id, mark, products::get(store, id)).await
    }

    pub(crate) async fn location(&self, store: &Store, id: i64) -> Result<Arc<Location>, Error> {
        let mark = store.mark(Kept::Location, id);
        self.locations.get(id, mark, locations::get(store, id)).await
    }

    /// How much is kept and how often it is asked for, or why nothing is kept just now; `None` where nothing is meant to be.
    pub(crate) fn check(&self) -> Option<CheckResult> {
        let products = self.products.kept.as_ref()?;
        let locations = self.locations.kept.as_ref()?;
        let hits = self.products.metrics.hits() + self.locations.metrics.hits();
        let all = hits + self.products.metrics.misses() + self.locations.metrics.misses();
        let percent = (hits * 100).checked_div(all).unwrap_or_default();
        let told = format!(
            "{percent} % of {all} look-ups found; {} products and {} locations kept",
            products.entry_count(),
            locations.entry_count()
        );
        Some(match self.hearing.problem() {
            Some(problem) => CheckResult::failed(problem),
            None => CheckResult {
                ok: true,
                detail: Some(told),
            },
        })
    }

    /// Reads what changed last, so that the first who ask need not wait.
    async fn warm(&self, store: &Store) -> Result<(), Error> {
        let mut page = Page::new(0, WARM);
        page.sort = products::SORTING.parse("-updated_at").unwrap_or_default();
        // What the list says may have changed since: each is read again after its mark, many with one statement.
        let products = products::list(store, &products::ProductFilter::default(), page).await?;
        let warm = products.into_iter().map(|Product { id, .. }| {
            let mark = store.mark(Kept::Product, id);
            self.products.warm(id, mark, products::get(store, id))
        });
        stream::iter(warm.map(Ok))
            .try_for_each_concurrent(WARM_AT_ONCE, |warm| warm)
            .await?;
        let locations = locations::list(store, Page::new(0, WARM)).await?;
        let warm = locations.into_iter().map(|Location { id, .. }| {
            let mark = store.mark(Kept::Location, id);
            self.locations.warm(id, mark, locations::get(store, id))
        });
        stream::iter(warm.map(Ok))
            .try_for_each_concurrent(WARM_AT_ONCE, |warm| warm)
            .await
    }
}

/// Listens to changes by others, and reads what changed last each time that begins, until it is stopped.
pub(crate) fn spawn(cache: &Arc<CatalogueCache>, store: &Store, tasks: &TaskTracker, stop: &CancellationToken) {
    if cache.products.kept.is_none() {
        return;
    }
    let (cache, store, stop) = (Arc::clone(cache), store.clone(), stop.clone());
    let warming = tasks.clone();
    tasks.spawn(async move {
        let mut wait = RETRY;
        loop {
            let mut has_begun = false;
            let began = || {
                has_begun = true;
                cache.hearing.note(None);
                let (cache, store, stop) = (Arc::clone(&cache), store.clone(), stop.clone());
                warming.spawn(async move {
                    tokio::select! {
                        warmed = cache.warm(&store) => {
                            if let Err(error) = warmed {
                                tracing::debug!(%error, "the catalogue is read when it is asked for");
                            }
                        }
                        () = stop.cancelled() => {}
                    }
                });
            };
            tokio::select! {
                error = store.hear_changes(began) => {
                    let reason = format!("changes by other instances are not heard of: {}", error.reason());
                    tracing::warn!(%error, "the catalogue is read from the database until changes are heard of again");
                    cache.hearing.note(Some(reason));
                }
                () = stop.cancelled() => return,
            }
            wait = if has_begun { RETRY } else { (wait * 2).min(RETRY_MAX) };
            let jitter = Uuid::now_v7().as_u128() as u32 % 50;
            tokio::select! {
                () = tokio::time::sleep(wait + wait * jitter / 100) => {}
                () = stop.cancelled() => return,
            }
        }
    });
}
