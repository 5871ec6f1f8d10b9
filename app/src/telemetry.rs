//! Logs: one JSON object a line on stdout, which the Functions host passes on. (What goes to stderr it would call an error.)

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging. A second call changes nothing.
pub fn init(log_level: &str) {
    let filter = EnvFilter::try_new(log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    // A second initialisation (tests in one process) finds a logger and leaves it.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().json().flatten_event(true))
        .try_init();
}
