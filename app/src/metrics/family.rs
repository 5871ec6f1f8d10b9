//! Families of metrics: each is described once, registered and documented from that.

use super::push::Push;
use opentelemetry::KeyValue;
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
    pub(super) push: &'a Push,
}

/// A family that cannot be made is a fault in a name of ours, which every test would show.
pub(super) type Made<T> = Result<T, prometheus::Error>;

impl Families<'_> {
    fn register<C: Collector + Clone + 'static>(&self, collector: Made<C>) -> Made<C> {
        let collector = collector?;
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn observed<C: Collector + Clone + 'static>(&self, family: &'static Family, collector: Made<C>) -> Made<C> {
        let collector = self.register(collector)?;
        self.push.observe(family, collector.clone());
        Ok(collector)
    }

    pub(super) fn counters(&self, family: &'static Family) -> Made<IntCounterVec> {
        let options = Opts::new(family.name, family.help);
        self.observed(family, IntCounterVec::new(options, family.labels))
    }

    /// A counter of parts, such as seconds.
    pub(super) fn sums(&self, family: &'static Family) -> Made<CounterVec> {
        let options = Opts::new(family.name, family.help);
        self.observed(family, CounterVec::new(options, family.labels))
    }

    pub(super) fn gauges(&self, family: &'static Family) -> Made<IntGaugeVec> {
        let options = Opts::new(family.name, family.help);
        self.observed(family, IntGaugeVec::new(options, family.labels))
    }

    pub(super) fn timings(&self, family: &'static Family, buckets: &[f64]) -> Made<Timings> {
        let options = HistogramOpts::new(family.name, family.help).buckets(buckets.to_vec());
        Ok(Timings {
            labels: family.labels,
            histograms: self.register(HistogramVec::new(options, family.labels))?,
            pushed: self.push.histogram(family, buckets),
        })
    }
}

/// A family of histograms of durations.
pub(super) struct Timings {
    labels: &'static [&'static str],
    histograms: HistogramVec,
    pushed: Option<opentelemetry::metrics::Histogram<f64>>,
}

impl Timings {
    /// The histogram with these values of the family's labels: to be kept, since finding it takes a lock.
    pub(super) fn with(&self, values: &[&'static str]) -> Timing {
        let labels = self.labels.iter().zip(values);
        let attributes = || labels.map(|(name, value)| KeyValue::new(*name, *value)).collect();
        Timing {
            histogram: self.histograms.with_label_values(values),
            pushed: self.pushed.clone().map(|histogram| (histogram, attributes())),
        }
    }
}

/// A histogram of durations.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    histogram: Histogram,
    pushed: Option<(opentelemetry::metrics::Histogram<f64>, Vec<KeyValue>)>,
}

impl Timing {
    /// Records a duration: a few atomic additions.
    pub(super) fn record(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.histogram.observe(seconds);
        if let Some((histogram, attributes)) = &self.pushed {
            histogram.record(seconds, attributes);
        }
    }
}
