//! The relay: what it has sent, by destination.

use super::family::{Families, Family, Made};
use crate::outbox::RelayReport;
use inventory_store::outbox::Destination;
use prometheus::IntCounter;

pub(super) static RELAY: Family = Family::counter(
    "inventory_relay_events_total",
    &["destination", "outcome"],
    "Attempts of the relay by destination: `sent`, `waiting` (failed, will be tried again) or `refused` (for ever).",
);

struct Counters {
    destination: Destination,
    sent: IntCounter,
    waiting: IntCounter,
    refused: IntCounter,
}

pub(super) struct Relay([Counters; Destination::ALL.len()]);

impl Relay {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let events = families.counters(&RELAY)?;
        Ok(Self(Destination::ALL.map(|destination| {
            let outcome = |outcome| events.with_label_values(&[destination.as_str(), outcome]);
            Counters {
                destination,
                sent: outcome("sent"),
                waiting: outcome("waiting"),
                refused: outcome("refused"),
            }
        })))
    }

    pub(super) fn relayed(&self, destination: Destination, report: RelayReport) {
        let of = self.0.iter().find(|counters| counters.destination == destination);
        if let Some(counters) = of {
            counters.sent.inc_by(report.sent as u64);
            counters.waiting.inc_by(report.waiting as u64);
            counters.refused.inc_by(report.refused as u64);
        }
    }
}
