//! Who used the processors while a row was measured, from `/proc`.

use std::fs;

/// Processes whose time is counted together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Processes {
    /// One process.
    One(u32),
    /// A process and its children; of children that are gone, what it has been told about them.
    Family(u32),
}

/// Processor time so far, in clock ticks.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    busy: u64,
    total: u64,
    parts: Vec<(&'static str, u64)>,
}

/// Shares of all processor time between two samples, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Usage {
    /// Of all processors together.
    pub(super) busy: f64,
    /// Of each part, greatest first; `others` is what runs on the machine besides.
    pub(super) parts: Vec<(&'static str, f64)>,
}

impl Sample {
    /// Reads the time of `parts`. A part that cannot be read counts nothing.
    pub(super) fn take(parts: &[(&'static str, Processes)]) -> Self {
        let (busy, total) = machine(&fs::read_to_string("/proc/stat").unwrap_or_default());
        let parts = parts
            .iter()
            .map(|&(name, processes)| (name, processes.ticks()))
            .collect();
        Self { busy, total, parts }
    }

    /// What was used since `earlier`, a sample of the same parts.
    pub(super) fn since(&self, earlier: &Self) -> Usage {
        let total = self.total.saturating_sub(earlier.total).max(1) as f64;
        let busy = self.busy.saturating_sub(earlier.busy) as f64 / total;
        let mut parts: Vec<(&'static str, f64)> = self
            .parts
            .iter()
            .zip(&earlier.parts)
            .map(|((name, now), (_, then))| (*name, now.saturating_sub(*then) as f64 / total))
            .collect();
        let known: f64 = parts.iter().map(|(_, share)| share).sum();
        parts.push(("others", (busy - known).max(0.0)));
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        Usage { busy, parts }
    }
}

impl Processes {
    fn ticks(self) -> u64 {
        match self {
            Self::One(id) => stat(id).map_or(0, |stat| stat.own),
            Self::Family(id) => {
                let parent = stat(id).map_or(0, |stat| stat.own + stat.reaped);
                let children = fs::read_dir("/proc").into_iter().flatten().flatten();
                let children = children.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?));
                parent
                    + children
                        .filter(|child| child.parent == id)
                        .map(|child| child.own)
                        .sum::<u64>()
            }
        }
    }
}

/// What `/proc/<id>/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: u64,
    reaped: u64,
}

fn stat(id: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name before it may hold anything, spaces and parentheses too.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: number(1)? as u32,
        own: number(11)? + number(12)?,
        reaped: number(13)? + number(14)?,
    })
}

/// Busy and all time of all processors: the first line of `/proc/stat` is user, nice, system, idle, iowait, irq, softirq,
/// steal, and guests, which the first two contain.
fn machine(text: &str) -> (u64, u64) {
    let numbers: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take(8)
        .flat_map(str::parse)
        .collect();
    let total: u64 = numbers.iter().sum();
    let idle: u64 = numbers.iter().skip(3).take(2).sum();
    (total - idle, total)
}

/// Resident memory of a process in bytes.
pub(super) fn resident_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let text = "42 (post gres) x) S 7 42 42 0 -1 4194560 900 12 0 0 30 12 5 6 20 0 1 0 100 200";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                parent: 7,
                own: 42,
                reaped: 11
            })
        );
        assert_eq!(machine("cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1\n"), (30, 100));
        assert!(resident_bytes(std::process::id()).is_some_and(|bytes| bytes > 100_000));
    }

    #[test]
    fn shares_are_of_all_processors() {
        let sample = |busy, total, a| Sample {
            busy,
            total,
            parts: vec![("a", a)],
        };
        let usage = sample(90, 200, 60).since(&sample(10, 100, 10));
        assert_eq!(
            usage,
            Usage {
                busy: 0.8,
                parts: vec![("a", 0.5), ("others", 0.300_000_000_000_000_04)]
            }
        );
    }
}
