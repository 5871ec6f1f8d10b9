//! Logs: one JSON object a line on stdout, which the Functions host passes on. (What goes to stderr it would call an error.)

use super::redact::{BLANK, is_secret_name, redact};
use serde::Serialize;
use std::{
    fmt::{self, Debug, Display},
    panic::PanicHookInfo,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, filter_fn},
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Tells what is known of the work in which a line is logged, as names and values: the request's id, the function, … Called for
/// each line, so that nothing is kept ready for lines that are never written.
pub type Context = fn(&mut dyn FnMut(&'static str, &dyn Display));

/// Whether `LOG_LEVEL` can be this.
pub fn is_log_level(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// Starts logging, and logs panics. A second call changes nothing.
pub fn init(level: &str, context: Context) {
    let logs = layer(level, context, std::io::stdout);
    // A second initialisation (tests in one process) finds a logger and leaves it.
    if tracing_subscriber::registry().with(logs).try_init().is_ok() {
        std::panic::set_hook(Box::new(panicked));
    }
}

fn layer<S, W>(level: &str, context: Context, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt::layer()
        .event_format(Line { context })
        .with_writer(writer)
        .with_filter(level.and(filter_fn(is_logged)))
}

/// Other people's code says in detail what goes over the wire: frames with bodies and tokens in them. That is logged at no level.
/// (Theirs are also all spans that there are; no line needs them.)
fn is_logged(metadata: &Metadata<'_>) -> bool {
    !metadata.is_span() && (*metadata.level() <= Level::DEBUG || metadata.target().starts_with("inventory"))
}

/// Logs where a panic was. What it says only where it is a text of the program: one that was put together holds values.
fn panicked(info: &PanicHookInfo<'_>) {
    let said = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("…");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, said, "a panic");
}

/// Writes a line.
struct Line {
    context: Context,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\",\"target\":", metadata.level())?;
        json(&mut writer, metadata.target())?;
        let mut fields = Fields {
            writer: &mut writer,
            result: Ok(()),
        };
        event.record(&mut fields);
        // What the line itself says comes before what is known anyway.
        (self.context)(&mut |name, value| {
            if metadata.fields().field(name).is_none() {
                fields.text(name, &value.to_string());
            }
        });
        fields.result?;
        writer.write_str("}\n")
    }
}

/// The fields of a line.
struct Fields<'w, 'a> {
    writer: &'w mut Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn value(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        if self.result.is_ok() {
            self.result = (|| {
                self.writer.write_char(',')?;
                json(self.writer, name)?;
                self.writer.write_char(':')?;
                if is_secret_name(name) {
                    return json(self.writer, BLANK);
                }
                json(self.writer, value)
            })();
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.value(name, redact(text).as_ref());
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

fn json(writer: &mut Writer<'_>, value: &(impl Serialize + ?Sized)) -> fmt::Result {
    writer.write_str(&serde_json::to_string(value).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::Value;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn logged_at(level: &str, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let context: Context = |tell| {
            tell("request_id", &"r-1");
            tell("function", &"orders_create");
        };
        let subscriber = tracing_subscriber::registry().with(layer(level, context, lines.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// The lines that `work` logs on this thread.
    pub(crate) fn logged(work: impl FnOnce()) -> Vec<Value> {
        logged_at("debug", work)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_is_one_json_object_with_what_is_known() {
        let lines = logged(|| {
            tracing::info!(
                count = 3,
                text = "two\nlines \"quoted\"",
                function = "its own",
                ok = true,
                "done"
            );
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"done".into()));
        assert_eq!((&line["count"], &line["ok"]), (&3.into(), &true.into()));
        assert_eq!(line["text"], "two\nlines \"quoted\"");
        assert_eq!(
            (&line["request_id"], &line["function"]),
            (&"r-1".into(), &"its own".into())
        );
        assert!(line["target"].as_str().unwrap().starts_with("inventory_app::telemetry"));
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(time::OffsetDateTime::parse(timestamp, &time::format_description::well_known::Rfc3339).is_ok());
    }

    #[test]
    fn secrets_are_blanked_in_fields_of_every_kind() {
        let url = "postgres://app:hunter2@db/inventory";
        let text = logged_at("trace", || {
            tracing::info!("connecting to {url}");
            tracing::info!(url, "field");
            tracing::info!(?url, "debugged");
            tracing::info!(error = %format!("Password=hunter2;{url}"), "displayed");
            tracing::info!(password = "hunter2", "named");
            tracing::info!(api_key = ?Some("hunter2"), "named and debugged");
            tracing::info!(jwt = "eyJhbGciOiJIUzI1NiJ9.hunter2.x", "a token");
        });
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn what_others_tell_of_the_wire_is_logged_at_no_level() {
        let text = logged_at("trace", || {
            tracing::trace!(target: "fe2o3_amqp::transport", "SEND frame=hunter2");
            tracing::debug!(target: "fe2o3_amqp::transport", "connected");
            tracing::trace!("ours");
            assert!(
                tracing::enabled!(tracing::Level::TRACE) && tracing::enabled!(target: "hyper", tracing::Level::DEBUG)
            );
            assert!(!tracing::enabled!(target: "hyper", tracing::Level::TRACE));
            let _span = tracing::error_span!("span", body = "hunter2").entered();
            tracing::error!("in a span");
        });
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn a_panic_tells_where_and_no_values() {
        let text = logged_at("info", || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(panicked));
            let secret = String::from("hunter2");
            let formatted = std::panic::catch_unwind(|| panic!("the value is {secret}"));
            let literal = std::panic::catch_unwind(|| panic!("a text of the program"));
            std::panic::set_hook(before);
            assert!(formatted.is_err() && literal.is_err());
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("telemetry/log.rs") && text.contains("a text of the program"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
