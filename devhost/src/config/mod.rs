//! Everything read from the app's folder: `host.json`, `local.settings.json` and one `function.json` per function.

mod binding;
mod binding_types;
mod custom_handler;
mod function;
mod host_json;
mod local_settings;
mod retry;
mod routes;
mod scan;
mod section;
mod settings;
mod timespan;

pub use binding::{AuthLevel, Binding, Direction, HttpTrigger, ServiceBusTrigger, TimerTrigger, Trigger};
pub use custom_handler::{CustomHandler, HandlerRoute};
pub use function::{Function, parse_function};
pub use host_json::{HostJson, HttpOptions, ServiceBusOptions};
pub use local_settings::{LocalHost, LocalSettings};
pub use retry::RetryPolicy;
pub use scan::{FunctionProblem, Scan, scan_functions};
pub use section::Section;
pub use settings::Settings;
pub use timespan::parse_timespan;

use std::path::{Path, PathBuf};

/// Why an app cannot start at all.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that must be there could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not JSON.
    #[error("{path} is not valid JSON: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A file is JSON and says something that cannot be.
    #[error("{0}")]
    Invalid(String),
}

/// One app, as its folder describes it.
#[derive(Debug)]
pub struct App {
    /// The folder with `host.json`.
    pub root: PathBuf,
    /// The host's settings.
    pub host: HostJson,
    /// The environment and `local.settings.json`, merged.
    pub settings: Settings,
    /// The `Host` section of `local.settings.json`.
    pub local_host: LocalHost,
    /// The functions that load, in the order of their names.
    pub functions: Vec<Function>,
    /// The functions that do not, and why.
    pub problems: Vec<FunctionProblem>,
    /// What should be told and stops nothing.
    pub warnings: Vec<String>,
}

impl App {
    /// Reads the app in `root`. `env` is the environment of the host itself; `only` limits the functions, as
    /// `--functions` does (empty: no limit beyond that of `host.json`).
    pub fn load(
        root: &Path,
        env: impl IntoIterator<Item = (String, String)>,
        only: &[String],
    ) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let local = LocalSettings::read(&root.join("local.settings.json"), &mut warnings)?;
        let settings = Settings::merge(env, &local, &mut warnings);
        let host = HostJson::read(&root.join("host.json"), root, &settings, &mut warnings)?;
        let scan = Self::scan(root, &host, &settings, only)?;
        Ok(Self::of(root, host, settings, local.host, scan, warnings))
    }

    /// Finds the functions of an app whose `host.json` has been read.
    pub(crate) fn scan(
        root: &Path,
        host: &HostJson,
        settings: &Settings,
        only: &[String],
    ) -> Result<Scan, ConfigError> {
        let only = if only.is_empty() {
            host.functions.as_slice()
        } else {
            only
        };
        if host.handler.routes.is_empty() {
            scan_functions(root, settings, only)
        } else {
            routes::scan_routes(root, host, settings, only)
        }
    }

    /// The app of parts that have been read.
    pub(crate) fn of(
        root: &Path,
        host: HostJson,
        settings: Settings,
        local_host: LocalHost,
        mut scan: Scan,
        warnings: Vec<String>,
    ) -> Self {
        for function in &mut scan.functions {
            function.retry = function.retry.take().or_else(|| host.retry.clone());
        }
        Self {
            root: root.to_path_buf(),
            host,
            settings,
            local_host,
            functions: scan.functions,
            problems: scan.problems,
            warnings,
        }
    }
}

/// Reads a JSON file; `None` where there is none. A byte order mark, which Windows editors leave, is no error.
fn read_json(path: &Path) -> Result<Option<serde_json::Value>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ConfigError::Read {
                path: path.to_path_buf(),
                source,
            });
        }
    };
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map(Some)
        .map_err(|source| ConfigError::Json {
            path: path.to_path_buf(),
            source,
        })
}
