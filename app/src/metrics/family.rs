//! Families of metrics: each is described once, registered and documented from that.

use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector,
};
use std::time::Duration;

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations, in buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family as it is documented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    /// Whole sentences.
    pub(super) help: &'static str,
}

impl Family {
    pub(super) const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        let kind = Kind::Counter;
        Self {
            name,
            kind,
            labels,
            help,
        }
    }

    pub(super) const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        let kind = Kind::Gauge;
        Self {
            name,
            kind,
            labels,
            help,
        }
    }

    pub(super) const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        let kind = Kind::Histogram;
        Self {
            name,
            kind,
            labels,
            help,
        }
    }

    /// What it is counted in: the name says it at its end (<https://prometheus.io/docs/practices/naming/>).
    pub(super) fn unit(&self) -> &'static str {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        ["seconds", "bytes", "minor_units"]
            .into_iter()
            .find(|unit| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
            .unwrap_or("1")
    }
}

/// Makes families and registers them.
pub(super) struct Families<'a> {
    pub(super) registry: &'a Registry,
}

/// A family that cannot be made is a fault in a name of ours, which every test would show.
pub(super) type Made<T> = Result<T, prometheus::Error>;

impl Families<'_> {
    fn register<C: Collector + Clone + 'static>(&self, collector: Made<C>) -> Made<C> {
        let collector = collector?;
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    pub(super) fn counters(&self, family: &'static Family) -> Made<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(family.name, family.help), family.labels))
    }

    /// A counter of parts, such as seconds.
    pub(super) fn sums(&self, family: &'static Family) -> Made<CounterVec> {
        self.register(CounterVec::new(Opts::new(family.name, family.help), family.labels))
    }

    pub(super) fn gauges(&self, family: &'static Family) -> Made<IntGaugeVec> {
        self.register(IntGaugeVec::new(Opts::new(family.name, family.help), family.labels))
    }

    pub(super) fn timings(&self, family: &'static Family, buckets: &[f64]) -> Made<Timings> {
        let options = HistogramOpts::new(family.name, family.help).buckets(buckets.to_vec());
        let histograms = self.register(HistogramVec::new(options, family.labels))?;
        Ok(Timings { histograms })
    }
}

/// A family of histograms of durations.
pub(super) struct Timings {
    histograms: HistogramVec,
}

impl Timings {
    /// The histogram with these values of the family's labels: to be kept, since finding it takes a lock.
    pub(super) fn with(&self, values: &[&'static str]) -> Timing {
        Timing {
            histogram: self.histograms.with_label_values(values),
        }
    }
}

/// A histogram of durations.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    histogram: Histogram,
}

impl Timing {
    /// Records a duration: a few atomic additions.
    pub(super) fn record(&self, took: Duration) {
        self.histogram.observe(took.as_secs_f64());
    }
}
