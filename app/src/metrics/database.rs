//! Connections to the database and statements.

use super::family::{Families, Family, Made, Timing};
use inventory_store::{Observer, PoolStatus};
use prometheus::{IntCounter, IntGauge};
use std::time::Duration;

/// A statement that takes this long is slow: the limit from which `sqlx` logs it, too.
const SLOW: Duration = Duration::from_secs(1);

/// Seconds that work waits for a connection.
const BUCKETS: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

pub(super) static CONNECTIONS: Family = Family::gauge(
    "inventory_database_connections",
    &["state"],
    "Connections to the database: `used`, `idle`, and `max`, which may be open at most.",
);
pub(super) static ACQUIRE: Family = Family::histogram(
    "inventory_database_acquire_seconds",
    &[],
    "How long statements and transactions waited for a connection, new ones being made included (SQLite: and, to write, for their \
     turn).",
);
pub(super) static STATEMENTS: Family = Family::counter(
    "inventory_database_statements_total",
    &[],
    "Statements executed, begins and commits included.",
);
pub(super) static SLOW_STATEMENTS: Family = Family::counter(
    "inventory_database_slow_statements_total",
    &[],
    "Statements that took a second or longer; the log has their text.",
);

pub(super) struct Database {
    used: IntGauge,
    idle: IntGauge,
    max: IntGauge,
    acquire: Timing,
    statements: IntCounter,
    slow: IntCounter,
}

impl Database {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let connections = families.gauges(&CONNECTIONS)?;
        let state = |state: &str| connections.with_label_values(&[state]);
        Ok(Self {
            used: state("used"),
            idle: state("idle"),
            max: state("max"),
            acquire: families.timings(&ACQUIRE, BUCKETS)?.with(&[]),
            statements: families.counters(&STATEMENTS)?.with_label_values::<&str>(&[]),
            slow: families.counters(&SLOW_STATEMENTS)?.with_label_values::<&str>(&[]),
        })
    }

    pub(super) fn refresh(&self, pool: PoolStatus) {
        self.used.set(pool.used.into());
        self.idle.set(pool.idle.into());
        self.max.set(pool.max.into());
    }
}

impl Observer for Database {
    fn acquired(&self, waited: Duration) {
        self.acquire.record(waited);
    }

    fn executed(&self, took: Duration) {
        self.statements.inc();
        if took >= SLOW {
            self.slow.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::push::Push;
    use prometheus::Registry;

    #[test]
    fn slow_statements_are_counted_apart() {
        let registry = Registry::new();
        let database = Database::new(&Families {
            registry: &registry,
            push: &Push::default(),
        })
        .unwrap();
        for millis in [1, 999, 1_000, 5_000] {
            database.executed(Duration::from_millis(millis));
        }
        assert_eq!((database.statements.get(), database.slow.get()), (4, 2));
    }
}
