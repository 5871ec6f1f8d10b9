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
    /// The secrets are those that the Key Vault holds now; absent without one. What it held last is kept while it is away,
    /// so this alone does not make an application that has started unready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_vault: Option<CheckResult>,
    /// The event history answers and deletes what has expired, where there is one. Events wait in the outbox while it is
    /// away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_history: Option<CheckResult>,
    /// Files can be stored, where there is a place for them. Exports and imports wait while it is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<CheckResult>,
    /// Products and locations are kept in memory; absent where they are not meant to be. While changes by other instances are
    /// not heard of they are read from the database, which is slower and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue_cache: Option<CheckResult>,
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
    pub(crate) fn new(started: bool, checks: Checks) -> Self {
        let ready = started && checks.database.ok && checks.migrations.ok;
        let is_all_there = checks.service_bus.ok
            && [&checks.key_vault, &checks.event_history, &checks.files]
                .into_iter()
                .flatten()
                .all(|check| check.ok);
        let status = match (ready, is_all_there) {
            (true, true) => "ready",
            (true, false) => "degraded",
            _ => "unavailable",
        };
        Self { ready, status, checks }
    }
}
