//! What the person at the keyboard reads: time-stamped lines, in the manner of `func start`.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[[[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z] ");

/// How grave a line is; it only decides the colour and whether `--quiet` hides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something that is told once per invocation. Hidden by `--quiet`.
    Trace,
    /// Something worth knowing.
    Information,
    /// Something that may be a mistake.
    Warning,
    /// Something that did not work.
    Error,
}

/// The console: cheap to clone, safe to share, one whole line at a time.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    out: Mutex<Box<dyn Write + Send>>,
    quiet: bool,
    colour: bool,
}

impl Console {
    /// Writes to standard output; colours only where a terminal reads it.
    pub fn stdout(quiet: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self::new(Box::new(std::io::stdout()), quiet, colour)
    }

    /// Writes to `out`, without colours.
    pub fn to(out: Box<dyn Write + Send>, quiet: bool) -> Self {
        Self::new(out, quiet, false)
    }

    fn new(out: Box<dyn Write + Send>, quiet: bool, colour: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                out: Mutex::new(out),
                quiet,
                colour,
            }),
        }
    }

    /// Whether lines of level [`Level::Trace`] are shown; ask before building one.
    pub fn shows_invocations(&self) -> bool {
        !self.inner.quiet
    }

    /// One line about one invocation.
    pub fn trace(&self, text: impl Display) {
        if self.shows_invocations() {
            self.log(Level::Trace, text);
        }
    }

    /// One line of information.
    pub fn info(&self, text: impl Display) {
        self.log(Level::Information, text);
    }

    /// One warning.
    pub fn warn(&self, text: impl Display) {
        self.log(Level::Warning, text);
    }

    /// One error.
    pub fn error(&self, text: impl Display) {
        self.log(Level::Error, text);
    }

    /// One line at `level`, with the time before it.
    pub fn log(&self, level: Level, text: impl Display) {
        self.write(&self.line(level, text));
    }

    fn line(&self, level: Level, text: impl Display) -> String {
        let stamp = OffsetDateTime::now_utc().format(STAMP).unwrap_or_default();
        let (on, off) = match level {
            _ if !self.inner.colour => ("", ""),
            Level::Trace => ("\x1b[2m", "\x1b[0m"),
            Level::Information => ("", ""),
            Level::Warning => ("\x1b[33m", "\x1b[0m"),
            Level::Error => ("\x1b[31m", "\x1b[0m"),
        };
        format!("{stamp}{on}{text}{off}\n")
    }

    /// A line at `level` and, indented below it, lines of information, with nothing of anybody else's in between.
    pub fn group(&self, level: Level, heading: impl Display, lines: &[String]) {
        let mut text = String::new();
        if level != Level::Trace || self.shows_invocations() {
            text.push_str(&self.line(level, heading));
        }
        for line in lines {
            text.push_str(&self.line(Level::Information, format_args!("    {line}")));
        }
        if !text.is_empty() {
            self.write(&text);
        }
    }

    /// One line without a time, as the list of functions is printed.
    pub fn plain(&self, text: impl Display) {
        self.write(&format!("{text}\n"));
    }

    /// One heading without a time, dark yellow on a terminal.
    pub fn heading(&self, text: impl Display) {
        if self.inner.colour {
            self.plain(format_args!("\x1b[33m{text}\x1b[0m"));
        } else {
            self.plain(text);
        }
    }

    fn write(&self, line: &str) {
        let mut out = self.inner.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed pipe (`devhost | head`) must not take the host down.
        let _ = out.write_all(line.as_bytes());
        let _ = out.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn quiet_hides_invocations_and_nothing_else() {
        let lines = Lines::default();
        let console = Console::to(Box::new(lines.clone()), true);
        console.trace("one call");
        console.error("one error");
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with('[') && text.ends_with("Z] one error\n"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn what_an_invocation_says_stands_below_its_end() {
        for (quiet, expected) in [
            (false, vec!["Executed", "    one", "    two"]),
            (true, vec!["    one", "    two"]),
        ] {
            let lines = Lines::default();
            let console = Console::to(Box::new(lines.clone()), quiet);
            console.group(Level::Trace, "Executed", &["one".to_owned(), "two".to_owned()]);
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            let texts: Vec<_> = text.lines().map(|line| line.split_once("] ").unwrap().1).collect();
            assert_eq!(texts, expected);
        }
    }
}
