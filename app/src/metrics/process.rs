//! The process itself: from `/proc` (Linux; elsewhere its memory and processor time stay 0).

use super::family::{Families, Family, Made};
use inventory_store::Engine;
use prometheus::{Counter, IntGauge};
use std::time::Instant;

/// Clock ticks a second in `/proc/self/stat`: the kernel gives user space this number on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) static MEMORY: Family =
    Family::gauge("process_resident_memory_bytes", &[], "Memory that the process holds.");
pub(super) static CPU: Family = Family::counter(
    "process_cpu_seconds_total",
    &[],
    "Processor time that the process has used.",
);
pub(super) static STARTED: Family = Family::gauge(
    "process_start_time_seconds",
    &[],
    "When the program was started, in seconds since the Unix epoch.",
);
pub(super) static UPTIME: Family = Family::gauge("inventory_uptime_seconds", &[], "How long the program has been up.");
pub(super) static BUILD: Family = Family::gauge(
    "inventory_build_info",
    &["version", "engine"],
    "Always 1; the labels say which program runs on which database.",
);

pub(super) struct Process {
    memory: IntGauge,
    cpu: Counter,
    uptime: IntGauge,
    started: Instant,
}

impl Process {
    pub(super) fn new(families: &Families<'_>, engine: Engine) -> Made<Self> {
        let engine = match engine {
            Engine::Postgres => "postgresql",
            Engine::Sqlite => "sqlite",
        };
        let build = families.gauges(&BUILD)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), engine]).set(1);
        let started = families.gauges(&STARTED)?.with_label_values::<&str>(&[]);
        started.set(crate::clock().micros() / 1_000_000);
        Ok(Self {
            memory: families.gauges(&MEMORY)?.with_label_values::<&str>(&[]),
            cpu: families.sums(&CPU)?.with_label_values::<&str>(&[]),
            uptime: families.gauges(&UPTIME)?.with_label_values::<&str>(&[]),
            started: Instant::now(),
        })
    }

    pub(super) fn refresh(&self) {
        self.uptime.set(self.started.elapsed().as_secs() as i64);
        if let Some(bytes) = resident_bytes() {
            self.memory.set(bytes);
        }
        if let Some(seconds) = cpu_seconds() {
            // Two may do this at once: never a step back.
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
        }
    }
}

/// `VmRSS` of `/proc/self/status`, which is in kilobytes whatever the page size.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

/// User and system time: fields 14 and 15 of `/proc/self/stat`. The name before them may hold spaces and `)`.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_measured() {
        let before = cpu_seconds().unwrap();
        assert!(resident_bytes().unwrap() > 100_000);
        let started = Instant::now();
        while cpu_seconds().unwrap() <= before {
            assert!(started.elapsed().as_secs() < 60, "working costs processor time");
        }
    }
}
