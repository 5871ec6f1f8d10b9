//! Caches of the process.

use super::family::{Families, Family, Made};
use prometheus::IntCounter;

pub(super) static CACHE: Family = Family::counter(
    "inventory_cache_requests_total",
    &["cache", "result"],
    "Look-ups in the caches of the process, `hit` or `miss`: `accounts` (state of a token's account), `api_keys`, `tokens` (that were \
     read before; tokens under a shared key are always read), `issuer_keys` (keys of `ENTRA_ISSUER`), `products` and `locations`.",
);

/// The metrics of one cache.
#[derive(Clone, Debug)]
pub(crate) struct CacheMetrics {
    hits: IntCounter,
    misses: IntCounter,
}

impl CacheMetrics {
    /// A look-up found something, or not.
    pub(crate) fn looked_up(&self, is_hit: bool) {
        if is_hit { &self.hits } else { &self.misses }.inc();
    }

    /// Look-ups that found something.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Look-ups that found nothing.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.get()
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Caches {
    pub(crate) accounts: CacheMetrics,
    pub(crate) api_keys: CacheMetrics,
    pub(crate) tokens: CacheMetrics,
    pub(crate) issuer_keys: CacheMetrics,
    pub(crate) products: CacheMetrics,
    pub(crate) locations: CacheMetrics,
}

impl Caches {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let requests = families.counters(&CACHE)?;
        let cache = |name: &str| CacheMetrics {
            hits: requests.with_label_values(&[name, "hit"]),
            misses: requests.with_label_values(&[name, "miss"]),
        };
        Ok(Self {
            accounts: cache("accounts"),
            api_keys: cache("api_keys"),
            tokens: cache("tokens"),
            issuer_keys: cache("issuer_keys"),
            products: cache("products"),
            locations: cache("locations"),
        })
    }
}
