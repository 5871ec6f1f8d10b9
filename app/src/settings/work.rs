//! How the work is done: limits, patience, how long things are kept.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use std::time::Duration;

static ORDERS_RETRY: Setting = Setting::number(
    "ORDERS_RETRY_SECONDS_MAX",
    40,
    1..=290,
    "How long a batch of orders is tried again while the database is away. It must stay below the lock duration of the queue \
     (60 s): a batch that fails is delivered again at once, and after ten deliveries it is dead-lettered. Batches that come before \
     the program is ready wait as long.",
);
static OUTBOX_RETENTION: Setting = Setting::number(
    "OUTBOX_RETENTION_DAYS",
    7,
    1..=3_650,
    "How long events that were sent are kept.",
);
static IDEMPOTENCY_RETENTION: Setting = Setting::number(
    "IDEMPOTENCY_RETENTION_HOURS",
    24,
    1..=8_760,
    "How long the answer to a request with an `Idempotency-Key` is kept.",
);
static ACCESS_LOG_RETENTION: Setting = Setting::number(
    "ACCESS_LOG_RETENTION_DAYS",
    365,
    0..=3_650,
    "How long it is kept who was shown personal data (`/api/v1/audit/accesses`); 0 records nothing. What was changed, and by whom, is      always recorded and kept.",
);
static CATALOGUE_CACHE: Setting = Setting::number(
    "CATALOGUE_CACHE_SECONDS",
    300,
    0..=3_600,
    "How long a product or location that was read is kept in memory; 0: not at all. Changes by this instance are seen at once, those of \
     others as soon as PostgreSQL tells of them; while it does not, nothing is kept. With SQLite others (`inventory import`) are \
     seen after this time.",
);

pub(super) static GROUP: Group = Group {
    title: "Orders and events",
    about: "",
    settings: &[
        &ORDERS_RETRY,
        &OUTBOX_RETENTION,
        &IDEMPOTENCY_RETENTION,
        &ACCESS_LOG_RETENTION,
        &CATALOGUE_CACHE,
    ],
};

/// How the work is done.
#[derive(Clone, Debug)]
pub struct Work {
    /// How long a batch of orders is retried while the database is away; must stay below the queue's lock duration.
    pub orders_retry_max: Duration,
    /// How long delivered events are kept, in days.
    pub outbox_retention_days: i64,
    /// How long replies are kept with their idempotency keys, in hours.
    pub idempotency_retention_hours: i64,
    /// How long accesses to personal data are kept, in days; 0: none are recorded.
    pub access_log_retention_days: i64,
    /// How long products and locations are kept in memory; zero: not at all.
    pub catalogue_cache: Duration,
}

pub(super) fn read(source: &mut Source<'_>) -> Work {
    Work {
        orders_retry_max: source.seconds(&ORDERS_RETRY),
        outbox_retention_days: i64::from(source.number(&OUTBOX_RETENTION)),
        idempotency_retention_hours: i64::from(source.number(&IDEMPOTENCY_RETENTION)),
        access_log_retention_days: i64::from(source.number(&ACCESS_LOG_RETENTION)),
        catalogue_cache: source.seconds(&CATALOGUE_CACHE),
    }
}
