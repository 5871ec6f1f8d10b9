//! Webhooks, channels and exports: what became of the tries to reach them.

use super::family::{Families, Family, Made};
use crate::receivers::DeliveryReport;
use inventory_store::receivers::{COUNTED_AS, Receiver};
use prometheus::IntCounterVec;

pub(super) static ATTEMPTS: Family = Family::counter(
    "inventory_delivery_attempts_total",
    &["resource", "outcome"],
    "Tries to reach receivers, of `webhooks`, `channels` and `exports`: `delivered`, `waiting` (failed, will be tried again) or `failed` (given up).",
);

pub(super) struct Deliveries(IntCounterVec);

impl Deliveries {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let attempts = families.counters(&ATTEMPTS)?;
        for resource in COUNTED_AS {
            for outcome in ["delivered", "waiting", "failed"] {
                attempts.with_label_values(&[resource, outcome]);
            }
        }
        Ok(Self(attempts))
    }

    pub(super) fn tried(&self, receiver: &Receiver, report: DeliveryReport) {
        for (outcome, count) in [
            ("delivered", report.delivered),
            ("waiting", report.waiting),
            ("failed", report.failed),
        ] {
            self.0
                .with_label_values(&[receiver.counted_as(), outcome])
                .inc_by(count as u64);
        }
    }
}
