//! The table.

use super::Options;
use super::cpu::Usage;
use super::load::Measured;
use crate::failure::Result;
use std::fs;
use std::time::Duration;

/// A machine is busy when this share of its processors is.
const BUSY: f64 = 0.85;
/// Parts that use less are not named.
const NAMED: f64 = 0.05;

/// Prints rows as they are measured, those that are wanted.
pub(super) struct Report {
    filter: Option<String>,
    title: Option<String>,
}

impl Report {
    pub(super) fn new(filter: Option<&str>) -> Self {
        Self {
            filter: filter.map(str::to_owned),
            title: None,
        }
    }

    pub(super) fn wants(&self, row: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| row.contains(filter))
    }

    pub(super) fn wants_any(&self, rows: &[&str]) -> bool {
        rows.iter().any(|row| self.wants(row))
    }

    /// Begins a table; printed with its first row.
    pub(super) fn title(&mut self, title: &str) {
        self.title = Some(title.to_owned());
    }

    /// A row of a rate: `units` of work in each request.
    pub(super) fn rate(&mut self, row: &str, measured: &Measured, units: u64, limit: &str) {
        let rate = (measured.requests * units) as f64 / measured.elapsed.as_secs_f64();
        let quantile = |q| Duration::from_micros(measured.latencies.value_at_quantile(q));
        self.row(
            row,
            &per_second(rate),
            &milliseconds(quantile(0.5)),
            &milliseconds(quantile(0.99)),
            limit,
        );
        if measured.wrong > 0 {
            let first = measured.first_wrong.as_deref().unwrap_or_default();
            println!(
                "    {} of {} answers were wrong, the first: {first}",
                measured.wrong, measured.requests
            );
        }
    }

    /// A row of times, with their rate where there is one.
    pub(super) fn times(&mut self, row: &str, rate: Option<f64>, mut times: Vec<Duration>, limit: &str) {
        times.sort();
        let at = |q: f64| {
            times
                .get(((times.len() - 1) as f64 * q).round() as usize)
                .copied()
                .unwrap_or_default()
        };
        self.row(
            row,
            &rate.map(per_second).unwrap_or_default(),
            &milliseconds(at(0.5)),
            &milliseconds(at(0.99)),
            limit,
        );
    }

    /// A row of something else.
    pub(super) fn value(&mut self, row: &str, value: &str, limit: &str) {
        self.row(row, value, "", "", limit);
    }

    fn row(&mut self, row: &str, value: &str, p50: &str, p99: &str, limit: &str) {
        if let Some(title) = self.title.take() {
            println!(
                "\n{title}\n\n  {:<44} {:>12} {:>10} {:>10}  limited by",
                "", "", "p50", "p99"
            );
        }
        println!("  {row:<44} {value:>12} {p50:>10} {p99:>10}  {limit}");
    }
}

/// What holds a row back: the processors where they are busy, else `otherwise`.
pub(super) fn limit(usage: &Usage, otherwise: &str) -> String {
    let named: Vec<String> = usage
        .parts
        .iter()
        .filter(|(_, share)| *share >= NAMED)
        .map(|(name, share)| format!("{name} {:.0} %", share * 100.0))
        .collect();
    let named = named.join(", ");
    if usage.busy >= BUSY {
        format!("processors ({named})")
    } else {
        format!("{otherwise}; processors {:.0} % busy ({named})", usage.busy * 100.0)
    }
}

/// Says what it is measured on.
pub(super) fn machine(options: &Options) -> Result<()> {
    let cpus = std::thread::available_parallelism()?;
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": unknown processor");
    println!(
        "{cpus} x {}, shared by the load, the handler and the database. Release build; {} s a row after a warm-up; \
         {} connections.\nShares of the processors are of all {cpus} together; `client` is the load itself.",
        model.trim_start_matches([' ', '\t', ':']),
        options.seconds,
        options.connections,
    );
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

pub(super) fn per_second(rate: f64) -> String {
    format!("{} /s", thousands(rate))
}

/// `12345.6` as `12,346`.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0.4), "0");
        assert_eq!(thousands(999.0), "999");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }

    #[test]
    fn busy_processors_are_the_limit() {
        let usage = |busy| Usage {
            busy,
            parts: vec![("database", 0.4), ("client", 0.2), ("others", 0.01)],
        };
        assert_eq!(limit(&usage(0.9), "commits"), "processors (database 40 %, client 20 %)");
        assert_eq!(
            limit(&usage(0.6), "commits"),
            "commits; processors 60 % busy (database 40 %, client 20 %)"
        );
    }
}
