//! What the lines say: groups of errors, the trend, operations and the slowest requests. Fields are those of docs/telemetry.md.

use super::{
    lines::Line,
    trend::{Counts, Span, Trend},
};
use hdrhistogram::Histogram;
use inventory_domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fmt::Write as _,
};

/// Different errors and warnings that are told apart; the rest is counted as one.
const GROUPS_MAX: usize = 500;
/// Operations that are told apart. There are fewer functions than this.
const OPERATIONS_MAX: usize = 200;
/// Requests that are named as the slowest.
const SLOWEST: usize = 20;
/// Characters of a message that tell one error from another.
const MESSAGE_CHARS_MAX: usize = 300;
/// Latencies are kept up to this, in microseconds, with two digits.
const LATENCY_MAX_MICROS: u64 = 600_000_000;

/// What is read of a line.
#[derive(Deserialize)]
struct Entry<'a> {
    timestamp: Cow<'a, str>,
    level: Cow<'a, str>,
    #[serde(default)]
    target: Cow<'a, str>,
    #[serde(default)]
    message: Option<Cow<'a, str>>,
    #[serde(default)]
    function: Option<Cow<'a, str>>,
    #[serde(default)]
    request_id: Option<Cow<'a, str>>,
    #[serde(default)]
    status: Option<Value>,
    #[serde(default)]
    micros: Option<u64>,
    #[serde(default)]
    error: Option<Value>,
}

/// Lines that say the same.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) level: String,
    pub(crate) target: String,
    /// The words, without numbers and ids.
    pub(crate) message: String,
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// A request in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

/// How one function did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Operation {
    pub(crate) function: String,
    pub(crate) requests: u64,
    /// Answers of 500 and more.
    pub(crate) failed: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Slow {
    pub(crate) micros: u64,
    pub(crate) at: Timestamp,
    pub(crate) function: String,
    pub(crate) request_id: String,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Lines of ours.
    pub(crate) lines: u64,
    /// Lines that are none of ours or cannot be read.
    pub(crate) bad_lines: u64,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) errors: u64,
    pub(crate) warnings: u64,
    /// Per minute of the time that the lines span.
    pub(crate) errors_per_minute: f64,
    pub(crate) lines_per_minute: f64,
    /// The most frequent first, errors before warnings.
    pub(crate) groups: Vec<Group>,
    /// Errors and warnings beyond those that are told apart.
    pub(crate) ungrouped: u64,
    pub(crate) trend_seconds: i64,
    pub(crate) trend: Vec<Span>,
    /// By 99th percentile, the slowest first. There are lines about requests at the level `debug` only.
    pub(crate) operations: Vec<Operation>,
    pub(crate) slowest: Vec<Slow>,
}

struct Latencies {
    histogram: Histogram<u64>,
    failed: u64,
}

/// What has been read so far.
pub(crate) struct Analysis {
    total: Counts,
    bad_lines: u64,
    span: Option<(Timestamp, Timestamp)>,
    groups: HashMap<(String, String, String), Group>,
    ungrouped: u64,
    trend: Trend,
    operations: HashMap<String, Latencies>,
    slowest: BinaryHeap<Reverse<Slow>>,
}

impl Analysis {
    /// With a trend by so many seconds.
    pub(crate) fn new(trend_seconds: u32) -> Self {
        Self {
            total: Counts::default(),
            bad_lines: 0,
            span: None,
            groups: HashMap::new(),
            ungrouped: 0,
            trend: Trend::new(trend_seconds),
            operations: HashMap::new(),
            slowest: BinaryHeap::new(),
        }
    }

    pub(crate) fn add(&mut self, line: &Line<'_>) {
        let Line::Whole(line) = line else {
            self.bad_lines += 1;
            return;
        };
        if line.trim_ascii().is_empty() {
            return;
        }
        // Hosts and collectors put something before our line, as a rule a time and a level of theirs.
        let begin = line.iter().position(|byte| *byte == b'{').unwrap_or(line.len());
        let entry: Option<Entry<'_>> = serde_json::from_slice(&line[begin..]).ok();
        let read = entry.and_then(|entry| Some((Timestamp::parse(&entry.timestamp)?, entry)));
        match read {
            Some((at, entry)) => self.add_entry(at, &entry),
            None => self.bad_lines += 1,
        }
    }

    fn add_entry(&mut self, at: Timestamp, entry: &Entry<'_>) {
        let (is_error, is_warning) = (entry.level == "ERROR", entry.level == "WARN");
        let counts = Counts {
            lines: 1,
            warnings: u64::from(is_warning),
            errors: u64::from(is_error),
        };
        self.total.add(counts);
        self.trend.add(at, counts);
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        if is_error || is_warning {
            self.add_to_group(at, entry);
        }
        if let Some(micros) = entry.micros {
            self.add_request(at, entry, micros);
        }
    }

    fn add_to_group(&mut self, at: Timestamp, entry: &Entry<'_>) {
        let said = entry.message.as_deref().unwrap_or_default();
        let cause = match &entry.error {
            Some(Value::String(text)) => format!(": {text}"),
            _ => String::new(),
        };
        let message = words(&format!("{said}{cause}"));
        let key = (entry.level.to_string(), entry.target.to_string(), message);
        if !self.groups.contains_key(&key) && self.groups.len() >= GROUPS_MAX {
            self.ungrouped += 1;
            return;
        }
        let group = self
            .groups
            .entry(key)
            .or_insert_with_key(|(level, target, message)| Group {
                level: level.clone(),
                target: target.clone(),
                message: message.clone(),
                count: 0,
                first: at,
                last: at,
                request_id: None,
            });
        group.count += 1;
        group.first = group.first.min(at);
        group.last = group.last.max(at);
        if group.request_id.is_none() {
            group.request_id = entry.request_id.as_deref().map(brief);
        }
    }

    fn add_request(&mut self, at: Timestamp, entry: &Entry<'_>, micros: u64) {
        let function = brief(entry.function.as_deref().unwrap_or("unknown"));
        let slow = Slow {
            micros,
            at,
            function: function.clone(),
            request_id: entry.request_id.as_deref().map(brief).unwrap_or_default(),
        };
        self.slowest.push(Reverse(slow));
        if self.slowest.len() > SLOWEST {
            self.slowest.pop();
        }
        if !self.operations.contains_key(&function) && self.operations.len() >= OPERATIONS_MAX {
            return;
        }
        // Two digits and these bounds are within what a histogram can have.
        let Ok(empty) = Histogram::new_with_bounds(1, LATENCY_MAX_MICROS, 2) else {
            return;
        };
        let latencies = self.operations.entry(function).or_insert(Latencies {
            histogram: empty,
            failed: 0,
        });
        latencies.histogram.saturating_record(micros);
        let status = match &entry.status {
            Some(Value::Number(status)) => status.as_u64(),
            Some(Value::String(status)) => status.parse().ok(),
            _ => None,
        };
        latencies.failed += u64::from(status.is_some_and(|status| status >= 500));
    }

    pub(crate) fn report(self) -> Report {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by(|a, b| {
            let key = |group: &Group| (group.level != "ERROR", Reverse(group.count), group.first);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        let operation = |(function, latencies): (String, Latencies)| {
            let at = |quantile| latencies.histogram.value_at_quantile(quantile) as f64 / 1e3;
            Operation {
                function,
                requests: latencies.histogram.len(),
                failed: latencies.failed,
                p50_ms: at(0.5),
                p95_ms: at(0.95),
                p99_ms: at(0.99),
                max_ms: latencies.histogram.max() as f64 / 1e3,
            }
        };
        let mut operations: Vec<Operation> = self.operations.into_iter().map(operation).collect();
        operations.sort_by(|a, b| b.p99_ms.total_cmp(&a.p99_ms).then_with(|| a.function.cmp(&b.function)));
        let mut slowest: Vec<Slow> = self.slowest.into_iter().map(|Reverse(slow)| slow).collect();
        slowest.sort_by(|a, b| b.cmp(a));
        let minutes = self
            .span
            .map_or(0.0, |(first, last)| (last.micros() - first.micros()) as f64 / 6e7);
        // Lines of one moment are a rate of a second.
        let minutes = minutes.max(1.0 / 60.0);
        Report {
            lines: self.total.lines,
            bad_lines: self.bad_lines,
            from: self.span.map(|(first, _)| first),
            to: self.span.map(|(_, last)| last),
            errors: self.total.errors,
            warnings: self.total.warnings,
            errors_per_minute: self.total.errors as f64 / minutes,
            lines_per_minute: self.total.lines as f64 / minutes,
            groups,
            ungrouped: self.ungrouped,
            trend_seconds: self.trend.seconds(),
            trend: self.trend.spans(),
            operations,
            slowest,
        }
    }
}

/// The words of a message: runs of what can be a number or an id become `#`, so that one error is one group.
fn words(message: &str) -> String {
    let mut words = String::new();
    for word in message
        .chars()
        .take(MESSAGE_CHARS_MAX)
        .collect::<String>()
        .split_inclusive(' ')
    {
        if word.bytes().any(|byte| byte.is_ascii_digit()) {
            let end = if word.ends_with(' ') { " " } else { "" };
            let _ = write!(words, "#{end}");
        } else {
            words.push_str(word);
        }
    }
    words
}

fn brief(text: &str) -> String {
    text.chars().take(100).collect()
}

impl Report {
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let moment = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let _ = writeln!(
            text,
            "{} lines from {} to {}, {:.1} a minute; {} other lines",
            self.lines,
            moment(self.from),
            moment(self.to),
            self.lines_per_minute,
            self.bad_lines
        );
        let _ = writeln!(
            text,
            "{} errors ({:.2} a minute), {} warnings",
            self.errors, self.errors_per_minute, self.warnings
        );
        for group in &self.groups {
            let Group {
                level,
                count,
                message,
                target,
                first,
                last,
                ..
            } = group;
            let _ = writeln!(text, "{level:<5} {count:>8}  {message}  [{target}, {first} to {last}]");
        }
        if self.ungrouped > 0 {
            let _ = writeln!(text, "      {:>8}  others", self.ungrouped);
        }
        let _ = writeln!(text, "\ntrend, by {} s: lines, warnings, errors", self.trend_seconds);
        for Span { from, counts } in &self.trend {
            let _ = writeln!(
                text,
                "{from} {:>9} {:>7} {:>7}",
                counts.lines, counts.warnings, counts.errors
            );
        }
        if !self.operations.is_empty() {
            let _ = writeln!(text, "\noperations: requests, failed, ms at p50, p95, p99, most");
        }
        for operation in &self.operations {
            let Operation {
                function,
                requests,
                failed,
                p50_ms,
                p95_ms,
                p99_ms,
                max_ms,
            } = operation;
            let _ = writeln!(
                text,
                "{function:<24} {requests:>9} {failed:>6} {p50_ms:>9.2} {p95_ms:>9.2} {p99_ms:>9.2} {max_ms:>9.2}"
            );
        }
        if !self.slowest.is_empty() {
            let _ = writeln!(text, "\nslowest requests");
        }
        for slow in &self.slowest {
            let (ms, at) = (slow.micros as f64 / 1e3, slow.at);
            let _ = writeln!(text, "{ms:>9.2} ms  {:<24} {at}  {}", slow.function, slow.request_id);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysed(lines: impl IntoIterator<Item = String>) -> Report {
        let mut analysis = Analysis::new(60);
        for line in lines {
            analysis.add(&Line::Whole(line.as_bytes()));
        }
        analysis.report()
    }

    fn entry(minute: u32, level: &str, message: &str, rest: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-01-05T09:{minute:02}:00.000000Z","level":"{level}","target":"inventory_store","message":"{message}"{rest}}}"#
        )
    }

    #[test]
    fn errors_are_grouped_by_their_words_and_counted_by_time() {
        let report = analysed([
            entry(0, "ERROR", "order 17 is lost", r#","request_id":"r-1""#),
            format!(
                "2026-01-05T09:01:00Z [Information] {}",
                entry(1, "ERROR", "order 18 is lost", "")
            ),
            entry(
                1,
                "WARN",
                "the database is away",
                r#","error":"connection 10.0.0.1 refused""#,
            ),
            entry(2, "INFO", "ready", ""),
            "no json".to_owned(),
            r#"{"level":"ERROR"}"#.to_owned(),
            String::new(),
        ]);
        assert_eq!(
            (report.lines, report.bad_lines, report.errors, report.warnings),
            (4, 2, 2, 1)
        );
        let groups: Vec<_> = report
            .groups
            .iter()
            .map(|group| (group.count, group.message.as_str()))
            .collect();
        assert_eq!(
            groups,
            [
                (2, "order # is lost"),
                (1, "the database is away: connection # refused")
            ]
        );
        assert_eq!(report.groups[0].request_id.as_deref(), Some("r-1"));
        assert!((report.errors_per_minute - 1.0).abs() < 1e-9);
        let trend: Vec<_> = report
            .trend
            .iter()
            .map(|span| (span.counts.lines, span.counts.errors))
            .collect();
        assert_eq!(trend, [(1, 1), (2, 1), (1, 0)]);
    }

    #[test]
    fn operations_are_measured_and_the_slowest_named() {
        let request = |number: u64, status: u16| {
            let rest = format!(
                r#","function":"orders_create","status":{status},"micros":{},"request_id":"r-{number}""#,
                number * 1_000
            );
            entry(0, "DEBUG", "answered", &rest)
        };
        let report = analysed((1..=100).map(|number| request(number, if number == 7 { 503 } else { 202 })));
        let [operation] = &report.operations[..] else {
            panic!("one operation: {:?}", report.operations)
        };
        assert_eq!((operation.requests, operation.failed), (100, 1));
        assert!(
            (operation.p50_ms - 50.0).abs() < 1.0 && (operation.p99_ms - 99.0).abs() < 1.0,
            "{operation:?}"
        );
        assert_eq!(report.slowest.len(), SLOWEST);
        assert_eq!(report.slowest[0].request_id, "r-100");
    }

    #[test]
    fn memory_is_bounded_whatever_the_lines_say() {
        let word = |number: usize| {
            let digits = number.to_string();
            digits
                .bytes()
                .map(|digit| char::from(digit - b'0' + b'a'))
                .collect::<String>()
        };
        let lines = 3 * GROUPS_MAX;
        let report = analysed((0..lines).map(|number| {
            let rest = format!(r#","function":"{}","micros":1"#, word(number));
            entry(0, "ERROR", &word(number), &rest)
        }));
        assert_eq!(report.groups.len(), GROUPS_MAX);
        assert_eq!(report.ungrouped, (lines - GROUPS_MAX) as u64);
        assert_eq!(report.operations.len(), OPERATIONS_MAX);
        assert_eq!(report.errors, lines as u64);
    }
}
