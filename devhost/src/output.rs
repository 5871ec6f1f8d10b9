//! Results of the commands, on standard output.

use std::io::{ErrorKind, Write as _};

/// Writes a result. A reader that has seen enough (`devhost queues | head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}
