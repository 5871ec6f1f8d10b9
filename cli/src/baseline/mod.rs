//! How fast a service answers, kept in a file and held against later.

mod load;
mod throwaway;

pub(crate) use load::measure;

use crate::failure::Failure;
use inventory_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

/// The largest file that can be a baseline.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How one operation did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    /// Answers that were not what they must be; not among the times.
    pub(crate) failed: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// The service's version.
    pub(crate) version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) recorded_at: Timestamp,
    /// Requests of each operation.
    pub(crate) requests: u32,
    /// Requests at once.
    pub(crate) connections: u32,
    /// Whether orders were placed, too.
    pub(crate) orders: bool,
    pub(crate) operations: BTreeMap<String, Figures>,
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Input(format!("{}: {what}", path.display()));
        let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(wrong("too large for a baseline".to_owned()));
        }
        let text = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| wrong(format!("no baseline: {error}")))
    }

    /// Replaces the file as a whole.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let wrong = |what: String| Failure::Input(format!("{}: {what}", path.display()));
        let text = serde_json::to_vec_pretty(self).map_err(|error| Failure::Internal(error.to_string()))?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        fs::write(&partial, text).map_err(|error| wrong(error.to_string()))?;
        fs::rename(&partial, path).map_err(|error| wrong(error.to_string()))
    }

    /// How many answers were not what they must be.
    pub(crate) fn failed(&self) -> u64 {
        self.operations.values().map(|figures| figures.failed).sum()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = "operation               requests failed  per s     p50 ms    p95 ms    p99 ms\n".to_owned();
        for (name, figures) in &self.operations {
            let Figures {
                requests,
                failed,
                per_second,
                p50_ms,
                p95_ms,
                p99_ms,
            } = figures;
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{name:<24} {requests:>7} {failed:>6} {per_second:>6.0} {p50_ms:>10.2} {p95_ms:>9.2} {p99_ms:>9.2}"
            );
        }
        text
    }
}

/// What may be worse without being a regression.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// Slower by so many percent…
    pub(crate) percent: u32,
    /// … and so many milliseconds: small times vary by more than a share of themselves.
    pub(crate) milliseconds: u32,
}

impl Tolerance {
    fn limit(self, before_ms: f64) -> f64 {
        before_ms * (1.0 + f64::from(self.percent) / 100.0) + f64::from(self.milliseconds)
    }
}

/// Something that has become worse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Regression {
    pub(crate) operation: String,
    /// `p50`, `p95`, `p99`, or `failed`.
    pub(crate) what: &'static str,
    pub(crate) before: f64,
    pub(crate) limit: f64,
    pub(crate) now: f64,
}

/// What is worse `now` than `before`, beyond the tolerance.
pub(crate) fn regressions(before: &Baseline, now: &Baseline, tolerance: Tolerance) -> Vec<Regression> {
    let mut found = Vec::new();
    for (name, was) in &before.operations {
        let Some(is) = now.operations.get(name) else {
            continue;
        };
        let times = [
            ("p50", was.p50_ms, is.p50_ms),
            ("p95", was.p95_ms, is.p95_ms),
            ("p99", was.p99_ms, is.p99_ms),
        ];
        let times = times.map(|(what, was, is)| (what, was, tolerance.limit(was), is));
        let failed = [("failed", was.failed as f64, was.failed as f64, is.failed as f64)];
        for (what, before, limit, now) in times.into_iter().chain(failed) {
            if now > limit {
                found.push(Regression {
                    operation: name.clone(),
                    what,
                    before,
                    limit,
                    now,
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(ms: f64, failed: u64) -> Baseline {
        let figures = Figures {
            requests: 10,
            failed,
            per_second: 1.0,
            p50_ms: ms,
            p95_ms: ms,
            p99_ms: ms,
        };
        Baseline {
            version: None,
            environment: None,
            recorded_at: Timestamp::from_micros(0),
            requests: 10,
            connections: 1,
            orders: false,
            operations: [("live".to_owned(), figures)].into(),
        }
    }

    #[test]
    fn slower_than_the_limit_or_failing_more_is_a_regression() {
        let tolerance = Tolerance {
            percent: 50,
            milliseconds: 5,
        };
        let before = baseline(10.0, 0);
        let whats = |now: &Baseline| -> Vec<_> {
            let found = regressions(&before, now, tolerance);
            found.iter().map(|regression| regression.what).collect()
        };
        assert!(whats(&baseline(20.0, 0)).is_empty());
        assert_eq!(whats(&baseline(20.1, 0)), ["p50", "p95", "p99"]);
        assert_eq!(whats(&baseline(1.0, 1)), ["failed"]);
    }
}
