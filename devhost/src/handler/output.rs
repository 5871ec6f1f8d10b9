//! What the handler writes to its standard streams.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::console::{Console, Level};

const SYSTEM_PREFIX: &str = "LanguageWorkerConsoleLog";
const TOOLING_PREFIX: &str = "azfuncjsonlog:";
const KEPT_ERRORS: usize = 3;

/// The last error lines: the reason given when the process ends badly.
#[derive(Debug, Clone, Default)]
pub(super) struct LastErrors(Arc<Mutex<VecDeque<String>>>);

impl LastErrors {
    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_ERRORS {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The lines, joined as the host joins them.
    pub(super) fn joined(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }
}

/// Prints each line of standard output as information until it ends.
pub(super) async fn print_stdout(stream: impl AsyncRead + Unpin, console: Console) {
    lines(stream, |line| console.handler_line(Level::Information, line)).await;
}

/// Prints each line of standard error until it ends, and keeps the last errors.
pub(super) async fn print_stderr(stream: impl AsyncRead + Unpin, console: Console, errors: LastErrors) {
    lines(stream, |line| {
        let level = stderr_level(line);
        if level == Level::Error {
            errors.add(line);
        }
        console.handler_line(level, line);
    })
    .await;
}

/// A line of standard error is an error unless it speaks of a warning.
fn stderr_level(line: &str) -> Level {
    if line.to_ascii_lowercase().contains("warn") {
        Level::Warning
    } else {
        Level::Error
    }
}

async fn lines(stream: impl AsyncRead + Unpin, mut each: impl FnMut(&str)) {
    let mut reader = BufReader::new(stream);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_until(b'\n', &mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&buffer);
                let text = text.trim_end_matches(['\r', '\n']);
                if !text.starts_with(TOOLING_PREFIX) {
                    each(text.strip_prefix(SYSTEM_PREFIX).unwrap_or(text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector 36.
    #[test]
    fn standard_error_is_an_error_or_a_warning() {
        assert_eq!(stderr_level("Warning: x"), Level::Warning);
        assert_eq!(stderr_level("x"), Level::Error);
    }

    #[tokio::test]
    async fn lines_are_cut_and_prefixes_dropped() {
        let text: &[u8] = b"one\r\nLanguageWorkerConsoleLogtwo\nazfuncjsonlog:{}\nthr\xffee";
        let mut seen = Vec::new();
        lines(text, |line| seen.push(line.to_owned())).await;
        assert_eq!(seen, ["one", "two", "thr\u{fffd}ee"]);
    }

    #[test]
    fn three_errors_are_kept() {
        let errors = LastErrors::default();
        for line in ["a", "b", "c", "d"] {
            errors.add(line);
        }
        assert_eq!(errors.joined(), "b,c,d");
    }
}
