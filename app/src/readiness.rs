//! Whether the application can work, and what keeps it from it.

use serde::Serialize;

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    /// Whether it works.
    pub ok: bool,
    /// What is wrong, for operators; no secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl CheckResult {
    pub(crate) const fn ok() -> Self {
        Self { ok: true, detail: None }
    }

    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self {
            ok: false,
            detail: Some(detail.into()),
        }
    }
}

/// All checks.
#[derive(Clone, Debug, Serialize)]
pub struct Checks {
    /// The database answers.
    pub database: CheckResult,
    /// The schema is the one this program knows.
    pub migrations: CheckResult,
    /// Service Bus answers. Orders that arrive while it is away wait in the outbox, so this alone does not make the
    /// application unready.
    pub service_bus: CheckResult,
}

/// Whether the application can work.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Whether requests can be served.
    pub ready: bool,
    /// `ready`, `degraded` (something that can wait is away) or `unavailable`.
    pub status: &'static str,
    /// Each check.
    pub checks: Checks,
}

impl Readiness {
    pub(crate) fn new(started: bool, database: CheckResult, migrations: CheckResult, service_bus: CheckResult) -> Self {
        let ready = started && database.ok && migrations.ok;
        let status = match (ready, service_bus.ok) {
            (true, true) => "ready",
            (true, false) => "degraded",
            _ => "unavailable",
        };
        Self {
            ready,
            status,
            checks: Checks {
                database,
                migrations,
                service_bus,
            },
        }
    }
}
