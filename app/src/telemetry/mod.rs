//! What is told of the work: [logs](init) on stdout and, where the settings name a destination, [traces](Traces) in Application
//! Insights or an OpenTelemetry collector. Without a destination no client, thread or span is made.

mod export;
mod log;
mod redact;
mod trace;

pub(crate) use export::{Export, Watch};
pub use export::{is_connection_string, is_header};
pub use log::{Context, init, is_log_level};
pub use trace::{Span, SpanKind, Traces};
