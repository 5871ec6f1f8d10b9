//! What an HTTP request may be and take.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use std::time::Duration;

static BODY_BYTES_MAX: Setting = Setting::number(
    "BODY_BYTES_MAX",
    262_144,
    1_024..=104_857_600,
    "Bytes of a request's body at most; more is answered 413. Invocations by the host have a limit of their own (100 MiB, the \
     host's).",
);
static CONNECTIONS_MAX: Setting = Setting::number(
    "CONNECTIONS_MAX",
    16_384,
    16..=1_000_000,
    "Connections at once, each some 15 KB of memory, or 50 KB while a large head arrives; when all are taken, idle ones are \
     closed. Fewer where the system allows fewer open files.",
);
static REQUEST_TIMEOUT: Setting = Setting::number(
    "REQUEST_TIMEOUT_SECONDS",
    30,
    1..=230,
    "How long a request may take before it is answered 503, at most as long as Azure's front end waits. Invocations are bounded \
     by `functionTimeout` in `host.json`.",
);

pub(super) static GROUP: Group = Group {
    title: "HTTP",
    about: "",
    settings: &[&BODY_BYTES_MAX, &CONNECTIONS_MAX, &REQUEST_TIMEOUT],
};

/// What an HTTP request may be and take.
#[derive(Clone, Debug)]
pub struct Http {
    /// Bytes that a request body may have.
    pub body_bytes_max: usize,
    /// Connections that may be open.
    pub connections_max: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
}

pub(super) fn read(source: &mut Source<'_>) -> Http {
    Http {
        body_bytes_max: source.number(&BODY_BYTES_MAX) as usize,
        connections_max: source.number(&CONNECTIONS_MAX) as usize,
        request_timeout: source.seconds(&REQUEST_TIMEOUT),
    }
}
