//! The log of deployments: one JSON object a line, appended and never changed. docs/operations.md describes it.

use crate::failure::Failure;
use clap::ValueEnum;
use inventory_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    path::Path,
};

/// The largest log that is read: a line a deployment, for longer than anyone asks.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It serves.
    Succeeded,
    /// It was given up before it served everybody.
    Failed,
    /// It served, and was taken back.
    RolledBack,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// A deployment that has ended.
    Deployment {
        /// When it ended.
        time: Timestamp,
        environment: String,
        version: String,
        commit: String,
        /// When the commit was made.
        committed_at: Timestamp,
        outcome: Outcome,
    },
    /// A failure in use that a deployment has caused.
    Incident {
        /// When it began.
        time: Timestamp,
        environment: String,
        /// The version that caused it.
        version: String,
        /// When the service was well again; absent while it is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restored_at: Option<Timestamp>,
    },
}

impl Record {
    pub(crate) const fn time(&self) -> Timestamp {
        match self {
            Self::Deployment { time, .. } | Self::Incident { time, .. } => *time,
        }
    }

    pub(crate) fn environment(&self) -> &str {
        match self {
            Self::Deployment { environment, .. } | Self::Incident { environment, .. } => environment,
        }
    }
}

/// What a log holds.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// In the order of time.
    pub(crate) records: Vec<Record>,
    /// Numbers of lines that cannot be read, from 1.
    pub(crate) bad_lines: Vec<usize>,
}

/// Appends a line. Whoever appends at the same time does not come between.
pub(crate) fn append(path: &Path, record: &Record) -> Result<(), Failure> {
    let mut line = serde_json::to_string(record).map_err(|error| Failure::Internal(error.to_string()))?;
    line.push('\n');
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(line.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

pub(crate) fn read(path: &Path) -> Result<Log, Failure> {
    let wrong = |what: String| Failure::Input(format!("{}: {what}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let read = file.take(LOG_BYTES_MAX + 1).read_to_string(&mut text);
    if read.map_err(|error| wrong(error.to_string()))? as u64 > LOG_BYTES_MAX {
        return Err(wrong("too large for a log of deployments".to_owned()));
    }
    Ok(parse(&text))
}

fn parse(text: &str) -> Log {
    let mut log = Log::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(record) => log.records.push(record),
            Err(_) => log.bad_lines.push(index + 1),
        }
    }
    log.records.sort_by_key(Record::time);
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_the_documentation_shows() {
        let text = r#"{"kind":"deployment","time":"2026-01-05T10:00:00.000000Z","environment":"production","version":"0.2.0","commit":"3f2a","committed_at":"2026-01-05T09:30:00.000000Z","outcome":"rolled_back"}"#;
        let log = parse(&format!("{text}\nno json\n\n{{\"kind\":\"party\"}}\n"));
        assert_eq!(log.bad_lines, [2, 4]);
        assert_eq!(serde_json::to_string(&log.records[0]).unwrap(), text);
    }
}
