//! Webhooks and channels: what became of the tries to reach them.

use super::family::{Families, Family, Made};
use crate::receivers::DeliveryReport;
use inventory_store::receivers::Resource;
use prometheus::IntCounterVec;

pub(super) static ATTEMPTS: Family = Family::counter(
    "inventory_delivery_attempts_total",
    &["resource", "outcome"],
    "Tries to reach receivers, of `webhooks` and `channels`: `delivered`, `waiting` (failed, will be tried again) or `failed` (given up).",
);

pub(super) struct Deliveries(IntCounterVec);

impl Deliveries {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let attempts = families.counters(&ATTEMPTS)?;
        for resource in Resource::ALL {
            for outcome in ["delivered", "waiting", "failed"] {
                attempts.with_label_values(&[resource.as_str(), outcome]);
            }
        }
        Ok(Self(attempts))
    }

    pub(super) fn tried(&self, resource: Resource, report: DeliveryReport) {
        for (outcome, count) in [
            ("delivered", report.delivered),
            ("waiting", report.waiting),
            ("failed", report.failed),
        ] {
            self.0
                .with_label_values(&[resource.as_str(), outcome])
                .inc_by(count as u64);
        }
    }
}
