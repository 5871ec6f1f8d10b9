//! Limits of requests by client.

use super::family::{Families, Family, Made};
use prometheus::{IntCounter, IntGaugeVec};

pub(super) static LIMITED: Family = Family::counter(
    "inventory_rate_limited_total",
    &[],
    "Requests that were refused because their client asks too often.",
);
pub(super) static FALLBACKS: Family = Family::counter(
    "inventory_rate_limit_fallbacks_total",
    &[],
    "Requests that this process counted alone because Redis was away or did not answer in time.",
);
pub(super) static SHARED: Family = Family::gauge(
    "inventory_rate_limit_shared",
    &[],
    "Whether Redis counts for all instances just now: 1, or 0 while it is away. Missing without `REDIS_URL` or limits.",
);

/// The metrics of the limiter.
#[derive(Clone, Debug)]
pub(crate) struct RateLimitMetrics {
    limited: IntCounter,
    fallbacks: IntCounter,
    shared: IntGaugeVec,
}

impl RateLimitMetrics {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        Ok(Self {
            limited: families.counters(&LIMITED)?.with_label_values::<&str>(&[]),
            fallbacks: families.counters(&FALLBACKS)?.with_label_values::<&str>(&[]),
            shared: families.gauges(&SHARED)?,
        })
    }

    /// A request was refused.
    pub(crate) fn limited(&self) {
        self.limited.inc();
    }

    /// A request was counted here instead of in Redis.
    pub(crate) fn fell_back(&self) {
        self.fallbacks.inc();
    }

    pub(super) fn refresh(&self, is_shared: Option<bool>) {
        match is_shared {
            Some(is_shared) => self.shared.with_label_values::<&str>(&[]).set(is_shared.into()),
            // It may not be there; then there is nothing to do.
            None => drop(self.shared.remove_label_values::<&str>(&[])),
        }
    }
}
