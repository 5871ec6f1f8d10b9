//! How many of something there were in each span of time.

use inventory_domain::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Spans that are told apart at most: then each becomes twice as long.
const SPANS_MAX: usize = 2_000;

/// Lines in one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) warnings: u64,
    pub(crate) errors: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.warnings += other.warnings;
        self.errors += other.errors;
    }
}

/// A span of time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Span {
    /// When it begins.
    pub(crate) from: Timestamp,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Counts by span.
#[derive(Debug)]
pub(crate) struct Trend {
    width_micros: i64,
    spans: BTreeMap<i64, Counts>,
}

impl Trend {
    /// With spans of so many seconds, or longer ones where there are too many.
    pub(crate) fn new(seconds: u32) -> Self {
        Self {
            width_micros: i64::from(seconds) * 1_000_000,
            spans: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, at: Timestamp, counts: Counts) {
        self.spans
            .entry(at.micros().div_euclid(self.width_micros))
            .or_default()
            .add(counts);
        while self.spans.len() > SPANS_MAX {
            self.width_micros = self.width_micros.saturating_mul(2);
            let finer = std::mem::take(&mut self.spans);
            for (index, counts) in finer {
                self.spans.entry(index.div_euclid(2)).or_default().add(counts);
            }
        }
    }

    pub(crate) const fn seconds(&self) -> i64 {
        self.width_micros / 1_000_000
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let span = |(index, counts): (&i64, &Counts)| Span {
            from: Timestamp::from_micros(index.saturating_mul(self.width_micros)),
            counts: *counts,
        };
        self.spans.iter().map(span).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_spans_become_longer_and_nothing_is_lost() {
        let one = Counts {
            lines: 1,
            warnings: 0,
            errors: 1,
        };
        let mut trend = Trend::new(1);
        let count = 4 * SPANS_MAX as i64;
        for second in 0..count {
            trend.add(Timestamp::from_micros(second * 1_000_000), one);
        }
        let spans = trend.spans();
        assert!(spans.len() <= SPANS_MAX);
        assert_eq!(trend.seconds(), 4);
        assert_eq!(spans.iter().map(|span| span.counts.errors).sum::<u64>(), count as u64);
        assert_eq!(spans[1].from, Timestamp::from_micros(4_000_000));
    }
}
