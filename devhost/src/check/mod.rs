//! Finds what is wrong with an app without starting it. `start` says the same of what it loads.

mod app;
mod azure;
mod executable;
mod ports;
mod routes;

pub(crate) use app::findings as app_findings;
pub use ports::Listeners;
pub(crate) use ports::busy;

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use crate::config::{App, ConfigError, HostJson, LocalSettings, Scan, Settings, scan_functions};
use crate::host::ensure_entities;
use crate::servicebus::{Broker, Entities};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, here or in Azure.
    Error,
    /// Something may be a mistake.
    Warning,
}

/// One thing that is wrong: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The file and the key in it, as far as there are any.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    pub(crate) fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: place.into(),
            message: message.into(),
        }
    }

    pub(crate) fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// Everything that was found, the errors first.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// How many functions load.
    pub functions: usize,
}

impl Report {
    /// Checks the app in `root` with the environment `env`; `listeners` are the ports that are to be free.
    pub fn of(root: &Path, env: Vec<(String, String)>, listeners: &Listeners) -> Self {
        let mut findings = Vec::new();
        let mut warnings = Vec::new();
        let mut keep = |error: ConfigError| findings.push(Finding::error(place_of(&error), error.to_string()));
        let local = LocalSettings::read(&root.join("local.settings.json"), &mut warnings).unwrap_or_else(|error| {
            keep(error);
            LocalSettings::default()
        });
        let settings = Settings::merge(env, &local, &mut warnings);
        let host = HostJson::examine_file(&root.join("host.json"), root, &settings, &mut warnings)
            .map_err(|errors| errors.into_iter().for_each(&mut keep))
            .ok();
        let scan = match &host {
            Some(host) => App::scan(root, host, &settings, &[]),
            None => scan_functions(root, &settings, &[]),
        };
        let scan = scan.unwrap_or_else(|error| {
            keep(error);
            Scan::default()
        });
        if host.is_some() && scan.functions.is_empty() && scan.problems.is_empty() && findings.is_empty() {
            findings.push(Finding::error(
                root.display().to_string(),
                "there is no function; each is a folder with a function.json directly under this one, or an element of \
                 customHandler.http.routes in host.json",
            ));
        }
        findings.extend(ports::findings(listeners, local.host.port));
        let functions = scan.functions.len();
        if let Some(host) = host {
            let app = App::of(root, host, settings, local.host, scan, warnings);
            findings.extend(app_findings(&app));
            findings.extend(app::problems(&app));
            findings.extend(azure::findings(&app));
            findings.extend(entity_findings(&app));
        } else {
            let problems = scan.problems.iter();
            findings.extend(problems.map(|problem| Finding::error(app::place(root, &problem.name), &problem.reason)));
            findings.extend(warnings.iter().map(|text| app::warning(text)));
        }
        findings.sort_by_key(|finding| finding.severity);
        Self { findings, functions }
    }

    /// Whether nothing is an error.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// The findings as JSON.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                let severity = match finding.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                json!({"severity": severity, "place": finding.place, "message": finding.message})
            })
            .collect();
        json!({"sound": self.is_sound(), "functions": self.functions, "findings": findings})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut errors = 0;
        for finding in &self.findings {
            let word = match finding.severity {
                Severity::Error => {
                    errors += 1;
                    "error"
                }
                Severity::Warning => "warning",
            };
            writeln!(formatter, "{word}: {finding}")?;
        }
        let warnings = self.findings.len() - errors;
        write!(
            formatter,
            "{} functions, {errors} errors, {warnings} warnings",
            self.functions
        )
    }
}

/// The file that an error is about; its text says more.
fn place_of(error: &ConfigError) -> String {
    match error {
        ConfigError::Read { path, .. } | ConfigError::Json { path, .. } => path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        ),
        ConfigError::Invalid(text) if text.starts_with("local.settings.json") => "local.settings.json".to_owned(),
        ConfigError::Invalid(_) => "host.json".to_owned(),
    }
}

/// What the broker says of the entities that `servicebus.json` and bindings name. It is a broker of its own, without
/// messages.
fn entity_findings(app: &App) -> Vec<Finding> {
    let file = app.root.join("servicebus.json");
    let entities = if file.is_file() {
        match Entities::from_file(&file) {
            Ok(entities) => entities,
            Err(error) => return vec![Finding::error("servicebus.json", error.to_string())],
        }
    } else {
        Entities::default()
    };
    let folder = std::env::temp_dir().join(format!("devhost-check-{}", uuid::Uuid::new_v4()));
    let opened = std::fs::create_dir_all(&folder)
        .map_err(|error| error.to_string())
        .and_then(|()| Broker::open(&folder.join("servicebus.db"), entities).map_err(|error| error.to_string()));
    let findings = match opened {
        Err(reason) => vec![Finding::error("servicebus.json", reason)],
        Ok(broker) => ensure_entities(&broker, || app.functions.iter())
            .into_iter()
            .map(|problem| Finding::error(app::place(&app.root, &problem.name), problem.reason))
            .collect(),
    };
    // A folder of the system's for temporary files: what stays is no harm.
    let _ = std::fs::remove_dir_all(&folder);
    findings
}
