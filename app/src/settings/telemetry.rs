//! What is told of the work.

use super::{
    setting::{Group, Setting},
    source::Source,
};

static ENVIRONMENT: Setting = Setting::text(
    "ENVIRONMENT",
    Some("local"),
    "The environment's name, for logs and `/health`.",
);
static LOG_LEVEL: Setting = Setting::text(
    "LOG_LEVEL",
    Some("info"),
    "What is logged, as JSON lines on stdout: `error`, `warn`, `info`, `debug` (with one line a request), `trace`, or by part \
     (`info,inventory_store=debug`).",
);

pub(super) static GROUP: Group = Group {
    title: "Telemetry",
    about: "",
    settings: &[&ENVIRONMENT, &LOG_LEVEL],
};

/// What is told of the work.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// `local`, `dev`, `production`, …: for logs.
    pub environment: String,
    /// Log filter (`info`, `inventory=debug`, …).
    pub log_level: String,
}

pub(super) fn read(source: &mut Source<'_>) -> Telemetry {
    Telemetry {
        environment: source.text(&ENVIRONMENT).unwrap_or_default(),
        log_level: source.text(&LOG_LEVEL).unwrap_or_default(),
    }
}
