//! Orders: what became of them, and how long they waited for it.

use super::family::{Families, Family, Made, Timing};
use inventory_domain::order::OrderStatus;
use inventory_store::processing::{Outcome, Processed};
use prometheus::{IntCounter, IntCounterVec};

/// Seconds that an order waits for its decision: as a rule less than one, with a broker that is away hours.
const BUCKETS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0,
];

pub(super) static ORDERS: Family = Family::counter(
    "inventory_orders_total",
    &["outcome"],
    "Messages of the queue `orders` by what became of them: `confirmed`, `rejected`, `backordered`, `repeated` (had been decided \
     before) or `parked`.",
);
pub(super) static PROCESSING: Family = Family::histogram(
    "inventory_order_processing_seconds",
    &[],
    "From an order being placed to its decision. Orders that producers put on the queue themselves are placed when they are \
     decided, and are not in here.",
);

pub(super) struct Orders {
    confirmed: IntCounter,
    rejected: IntCounter,
    backordered: IntCounter,
    repeated: IntCounter,
    parked: IntCounter,
    processing: Timing,
}

impl Orders {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let orders: IntCounterVec = families.counters(&ORDERS)?;
        let outcome = |outcome: &str| orders.with_label_values(&[outcome]);
        Ok(Self {
            confirmed: outcome("confirmed"),
            rejected: outcome("rejected"),
            backordered: outcome("backordered"),
            repeated: outcome("repeated"),
            parked: outcome("parked"),
            processing: families.timings(&PROCESSING, BUCKETS)?.with(&[]),
        })
    }

    pub(super) fn processed(&self, processed: &Processed) {
        for outcome in &processed.outcomes {
            match outcome {
                Outcome::Decided(OrderStatus::Rejected) => &self.rejected,
                Outcome::Decided(OrderStatus::Backordered) => &self.backordered,
                Outcome::Decided(_) => &self.confirmed,
                Outcome::Repeated(_) => &self.repeated,
                Outcome::Parked(_) => &self.parked,
            }
            .inc();
        }
        for wait in &processed.waits {
            self.processing.record(*wait);
        }
    }

    pub(super) fn parked(&self, count: usize) {
        self.parked.inc_by(count as u64);
    }
}
