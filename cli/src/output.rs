//! Results on stdout, as text for people or JSON for machines; everything else on stderr.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, Write as _};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether machines read it.
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result: `text` for people, `value` for machines.
    pub(crate) fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(value).map_err(|error| Failure::Internal(error.to_string()))?
        } else {
            text()
        };
        match writeln!(io::stdout(), "{}", text.trim_end()) {
            // Who reads us has seen enough (`inventory … | head`).
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::Internal(format!("stdout: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Says something beside the result.
    pub(crate) fn note(text: &str) {
        drop(writeln!(io::stderr(), "note: {text}"));
    }

    /// Says why there is no result.
    pub(crate) fn failure(self, failure: &Failure) {
        let text = if self.json {
            serde_json::json!({ "error": failure.to_string(), "exit_code": failure.exit_code() }).to_string()
        } else {
            format!("error: {failure}")
        };
        drop(writeln!(io::stderr(), "{text}"));
    }
}
