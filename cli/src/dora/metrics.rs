//! The four metrics, and how good they are by the thresholds of DORA's reports.

use super::{Log, Outcome, Record};
use inventory_domain::Timestamp;
use serde::Serialize;

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;
const MONTH: f64 = 30.0 * DAY;

/// From a moment up to another, the latter not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Period {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Period {
    pub(crate) fn has(self, moment: Timestamp) -> bool {
        self.from <= moment && moment < self.to
    }

    pub(crate) fn seconds(self) -> f64 {
        seconds(self.from, self.to)
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.micros() - from.micros()) as f64 / 1e6
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rating {
    Elite,
    High,
    Medium,
    Low,
}

impl Rating {
    /// How good a value is that is better the smaller it is: up to each bound.
    fn of(value: f64, bounds: [f64; 3]) -> Self {
        match bounds.iter().position(|bound| value <= *bound) {
            Some(0) => Self::Elite,
            Some(1) => Self::High,
            Some(_) => Self::Medium,
            None => Self::Low,
        }
    }
}

/// A metric. Absent where there is nothing to measure it by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Metric {
    pub(crate) value: f64,
    pub(crate) rating: Rating,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) environment: String,
    #[serde(flatten)]
    pub(crate) period: Period,
    pub(crate) deployments: usize,
    pub(crate) failed: usize,
    /// Incidents that are not over.
    pub(crate) unrestored: usize,
    /// Deployments that serve, a day.
    pub(crate) deployments_per_day: Option<Metric>,
    /// Median from commit to service.
    pub(crate) lead_time_seconds: Option<Metric>,
    /// Of all deployments: failed, taken back, or followed by an incident.
    pub(crate) change_failure_rate: Option<Metric>,
    /// Median from a failure to the service being well again.
    pub(crate) time_to_restore_seconds: Option<Metric>,
    /// Lines of the log that cannot be read.
    pub(crate) bad_lines: Vec<usize>,
}

impl Report {
    pub(crate) fn of(log: Log, environment: &str, period: Period) -> Self {
        let Log { records, bad_lines } = log;
        let records: Vec<Record> = records
            .into_iter()
            .filter(|record| record.environment() == environment)
            .collect();
        let (mut deployments, mut failed, mut unrestored) = (0, 0, 0);
        let (mut lead_times, mut restores) = (Vec::new(), Vec::new());
        for (index, record) in records
            .iter()
            .enumerate()
            .filter(|(_, record)| period.has(record.time()))
        {
            let time = record.time();
            match record {
                Record::Deployment {
                    version,
                    committed_at,
                    outcome,
                    ..
                } => {
                    deployments += 1;
                    let had_incident = incident_of(&records[index + 1..], version);
                    failed += usize::from(*outcome != Outcome::Succeeded || had_incident);
                    if *outcome == Outcome::Succeeded {
                        lead_times.push(seconds(*committed_at, time).max(0.0));
                    }
                }
                Record::Incident { restored_at, .. } => match restored_at {
                    Some(restored) => restores.push(seconds(time, *restored).max(0.0)),
                    None => unrestored += 1,
                },
            }
        }
        let days = period.seconds() / DAY;
        let per_day = (deployments > 0 && days > 0.0).then(|| lead_times.len() as f64 / days);
        Self {
            environment: environment.to_owned(),
            period,
            deployments,
            failed,
            unrestored,
            // Several a day; once a week; once a month.
            deployments_per_day: per_day.map(|value| Metric {
                value,
                rating: Rating::of(-value, [-1.0, -1.0 / 7.0, -1.0 / 30.0]),
            }),
            lead_time_seconds: median(lead_times).map(|value| Metric {
                value,
                rating: Rating::of(value, [HOUR, WEEK, MONTH]),
            }),
            change_failure_rate: (deployments > 0).then(|| {
                let value = failed as f64 / deployments as f64;
                let rating = Rating::of(value, [0.15, 0.30, 0.45]);
                Metric { value, rating }
            }),
            time_to_restore_seconds: median(restores).map(|value| Metric {
                value,
                rating: Rating::of(value, [HOUR, DAY, WEEK]),
            }),
            bad_lines,
        }
    }

    pub(crate) fn text(&self) -> String {
        let line = |name: &str, metric: Option<Metric>, show: &dyn Fn(f64) -> String| match metric {
            Some(Metric { value, rating }) => format!("{name:<24} {:<14} {rating:?}\n", show(value)),
            None => format!("{name:<24} nothing to measure it by\n"),
        };
        let duration = |seconds: f64| match seconds {
            seconds if seconds < 2.0 * HOUR => format!("{:.1} min", seconds / 60.0),
            seconds if seconds < 2.0 * DAY => format!("{:.1} h", seconds / HOUR),
            seconds => format!("{:.1} days", seconds / DAY),
        };
        let mut lines = vec![
            format!(
                "{}, {} to {}: {} deployments, {} failed\n",
                self.environment, self.period.from, self.period.to, self.deployments, self.failed
            ),
            line("deployment frequency", self.deployments_per_day, &|value| {
                format!("{value:.2} a day")
            }),
            line("lead time for changes", self.lead_time_seconds, &duration),
            line("change failure rate", self.change_failure_rate, &|value| {
                format!("{:.1} %", value * 100.0)
            }),
            line("time to restore", self.time_to_restore_seconds, &duration),
        ];
        if self.unrestored > 0 {
            lines.push(format!("{} incidents are not over\n", self.unrestored));
        }
        if !self.bad_lines.is_empty() {
            lines.push(format!("lines that cannot be read: {:?}\n", self.bad_lines));
        }
        lines.concat()
    }
}

/// Whether this version caused an incident before the next one was deployed.
fn incident_of(later: &[Record], version: &str) -> bool {
    later
        .iter()
        .take_while(|record| {
            !matches!(
                record,
                Record::Deployment {
                    outcome: Outcome::Succeeded,
                    ..
                }
            )
        })
        .any(|record| matches!(record, Record::Incident { version: cause, .. } if cause == version))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values.get(middle).copied()
    } else {
        let upper = values.get(middle)?;
        let lower = values.get(middle.checked_sub(1)?)?;
        Some(f64::midpoint(*lower, *upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_767_605_400_000_000);

    fn at(hours: i64) -> Timestamp {
        START.plus_minutes(60 * hours)
    }

    fn deployment(hours: i64, version: &str, lead_minutes: i64, outcome: Outcome) -> Record {
        Record::Deployment {
            time: at(hours),
            environment: "production".to_owned(),
            version: version.to_owned(),
            commit: "c".to_owned(),
            committed_at: at(hours).plus_minutes(-lead_minutes),
            outcome,
        }
    }

    fn incident(hours: i64, version: &str, minutes: Option<i64>) -> Record {
        Record::Incident {
            time: at(hours),
            environment: "production".to_owned(),
            version: version.to_owned(),
            restored_at: minutes.map(|minutes| at(hours).plus_minutes(minutes)),
        }
    }

    fn report(records: Vec<Record>) -> Report {
        let log = Log {
            records,
            bad_lines: Vec::new(),
        };
        let period = Period {
            from: START,
            to: at(48),
        };
        Report::of(log, "production", period)
    }

    #[test]
    fn the_four_are_what_they_are_by_hand() {
        let mut elsewhere = deployment(3, "9", 1, Outcome::Failed);
        if let Record::Deployment { environment, .. } = &mut elsewhere {
            "qa".clone_into(environment);
        }
        let report = report(vec![
            deployment(1, "1", 30, Outcome::Succeeded),
            elsewhere,
            deployment(10, "2", 50, Outcome::Succeeded),
            incident(11, "2", Some(20)),
            deployment(12, "3", 10, Outcome::Succeeded),
            deployment(13, "4", 10, Outcome::RolledBack),
            incident(14, "4", Some(40)),
            deployment(100, "5", 10, Outcome::Failed),
        ]);
        assert_eq!((report.deployments, report.failed), (4, 2));
        let metric = |value, rating| Some(Metric { value, rating });
        assert_eq!(report.deployments_per_day, metric(1.5, Rating::Elite));
        assert_eq!(report.lead_time_seconds, metric(1_800.0, Rating::Elite));
        assert_eq!(report.change_failure_rate, metric(0.5, Rating::Low));
        assert_eq!(report.time_to_restore_seconds, metric(1_800.0, Rating::Elite));
    }

    #[test]
    fn nothing_is_no_metric_and_an_open_incident_is_told() {
        let report = report(vec![incident(1, "1", None)]);
        assert_eq!((report.deployments, report.unrestored), (0, 1));
        let all = [
            report.deployments_per_day,
            report.lead_time_seconds,
            report.change_failure_rate,
        ];
        assert!(all.iter().all(Option::is_none) && report.time_to_restore_seconds.is_none());
    }
}
