//! What the person at the keyboard reads: time-stamped lines, in the manner of `func start`.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::invocation::History;

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

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How the console is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Time-stamped lines, for people.
    Text,
    /// One JSON object a line, for tools: `time`, `level`, `message`; of an invocation that ends `logs` and what is known
    /// of it, too.
    Json,
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
    form: Form,
    history: History,
}

impl Console {
    /// Writes to standard output; colours only where a terminal reads it.
    pub fn stdout(quiet: bool, form: Form) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self::new(Box::new(std::io::stdout()), quiet, colour && form == Form::Text, form)
    }

    /// Writes to `out`, without colours.
    pub fn to(out: Box<dyn Write + Send>, quiet: bool, form: Form) -> Self {
        Self::new(out, quiet, false, form)
    }

    fn new(out: Box<dyn Write + Send>, quiet: bool, colour: bool, form: Form) -> Self {
        Self {
            inner: Arc::new(Inner {
                out: Mutex::new(out),
                quiet,
                colour,
                form,
                history: History::default(),
            }),
        }
    }

    /// The invocations that this console tells of.
    pub fn history(&self) -> &History {
        &self.inner.history
    }

    /// A line that the handler has written. One that names an invocation under way waits for the end of that, and stands
    /// below it then.
    pub fn handler_line(&self, level: Level, line: &str) {
        if !self.inner.history.hear(line) {
            self.log(level, line);
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
        if self.inner.form == Form::Json {
            return object(level, &text.to_string(), Map::new());
        }
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
    /// As JSON it is one object, with `facts` in it.
    pub fn group(
        &self,
        level: Level,
        heading: impl Display,
        lines: &[String],
        facts: impl FnOnce() -> Map<String, Value>,
    ) {
        let mut text = String::new();
        let shows_heading = level != Level::Trace || self.shows_invocations();
        if self.inner.form == Form::Json {
            if shows_heading || !lines.is_empty() {
                let mut facts = facts();
                facts.insert("logs".to_owned(), json!(lines));
                self.write(&object(level, &heading.to_string(), facts));
            }
            return;
        }
        if shows_heading {
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
        if self.inner.form == Form::Json {
            let text = text.to_string();
            if !text.trim().is_empty() {
                self.info(text.trim());
            }
            return;
        }
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

fn object(level: Level, message: &str, facts: Map<String, Value>) -> String {
    const STAMP: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let time = OffsetDateTime::now_utc().format(STAMP).unwrap_or_default();
    let mut object = Map::new();
    object.insert("time".to_owned(), json!(time));
    object.insert("level".to_owned(), json!(level.name()));
    object.insert("message".to_owned(), json!(message));
    object.extend(facts);
    format!("{}\n", Value::Object(object))
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
        let console = Console::to(Box::new(lines.clone()), true, Form::Text);
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
            let console = Console::to(Box::new(lines.clone()), quiet, Form::Text);
            console.group(
                Level::Trace,
                "Executed",
                &["one".to_owned(), "two".to_owned()],
                Map::new,
            );
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            let texts: Vec<_> = text.lines().map(|line| line.split_once("] ").unwrap().1).collect();
            assert_eq!(texts, expected);
        }
    }

    #[test]
    fn for_tools_every_line_is_an_object() {
        let lines = Lines::default();
        let console = Console::to(Box::new(lines.clone()), false, Form::Json);
        console.plain("");
        console.heading("Functions:");
        console.warn("a \"quoted\"\nline");
        let facts = || Map::from_iter([("function".to_owned(), json!("f"))]);
        console.group(Level::Error, "Executed", &["one".to_owned()], facts);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let mut objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for object in &mut objects {
            let time = object.as_object_mut().unwrap().remove("time").unwrap();
            assert!(time.as_str().unwrap().ends_with('Z'));
        }
        assert_eq!(
            objects,
            [
                json!({"level": "information", "message": "Functions:"}),
                json!({"level": "warning", "message": "a \"quoted\"\nline"}),
                json!({"level": "error", "message": "Executed", "function": "f", "logs": ["one"]}),
            ]
        );
    }
}
