//! Requests and invocations: rate, errors and duration of each function.

use super::family::{Families, Family, Made, Timing, Timings};
use prometheus::{IntCounter, IntCounterVec, IntGauge};
use std::{sync::Arc, time::Instant};

/// Seconds that requests take.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Values of the label `status`, by the first digit of the status; at 0: there is none.
const STATUSES: [&str; 6] = ["cancelled", "1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) static REQUESTS: Family = Family::counter(
    "inventory_requests_total",
    &["function", "status"],
    "Requests and invocations that have ended, by function and class of their status: `2xx`, `3xx`, `4xx`, `5xx`, or `cancelled`: \
     the caller went away first.",
);
pub(super) static DURATION: Family = Family::histogram(
    "inventory_request_duration_seconds",
    &["function"],
    "How long requests and invocations took, from their head to the head of the answer.",
);
pub(super) static IN_FLIGHT: Family = Family::gauge(
    "inventory_requests_in_flight",
    &[],
    "Requests and invocations being worked on.",
);

pub(super) struct Requests {
    ended: IntCounterVec,
    durations: Timings,
    in_flight: IntGauge,
}

impl Requests {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        Ok(Self {
            ended: families.counters(&REQUESTS)?,
            durations: families.timings(&DURATION, BUCKETS)?,
            in_flight: families.gauges(&IN_FLIGHT)?.with_label_values::<&str>(&[]),
        })
    }

    pub(super) fn function(&self, name: &'static str) -> FunctionMetrics {
        FunctionMetrics(Arc::new(Function {
            ended: STATUSES.map(|status| self.ended.with_label_values(&[name, status])),
            duration: self.durations.with(&[name]),
            in_flight: self.in_flight.clone(),
        }))
    }
}

#[derive(Debug)]
struct Function {
    ended: [IntCounter; STATUSES.len()],
    duration: Timing,
    in_flight: IntGauge,
}

/// The metrics of one function; clones are the same ones.
#[derive(Clone, Debug)]
pub struct FunctionMetrics(Arc<Function>);

impl FunctionMetrics {
    /// A request or invocation begins.
    pub fn begin(&self) -> InFlight<'_> {
        self.0.in_flight.inc();
        InFlight {
            function: &self.0,
            started: Instant::now(),
            status: 0,
        }
    }
}

/// A request or invocation being worked on. Dropped without [`InFlight::end`]: its caller has gone.
#[derive(Debug)]
#[must_use]
pub struct InFlight<'a> {
    function: &'a Function,
    started: Instant,
    status: u16,
}

impl InFlight<'_> {
    /// It was answered with this HTTP status.
    pub fn end(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let function = self.function;
        function.in_flight.dec();
        function.duration.record(self.started.elapsed());
        // A status above 599 is no status.
        let class = usize::from(self.status / 100).min(STATUSES.len() - 1);
        function.ended[class].inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::push::Push;
    use prometheus::Registry;

    #[test]
    fn every_way_for_a_request_to_end_is_counted() {
        let registry = Registry::new();
        let requests = Requests::new(&Families {
            registry: &registry,
            push: &Push::default(),
        })
        .unwrap();
        let function = requests.function("orders_get");
        let open = function.begin();
        for status in [200, 304, 404, 429, 503, 999] {
            function.begin().end(status);
        }
        drop(function.begin());
        assert_eq!(requests.in_flight.get(), 1);
        open.end(201);
        let counts = STATUSES.map(|status| requests.ended.with_label_values(&["orders_get", status]).get());
        assert_eq!(counts, [1, 0, 2, 1, 2, 2]);
        assert_eq!(requests.in_flight.get(), 0);
    }
}
