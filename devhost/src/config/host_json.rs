//! `host.json`: the settings of the host, as far as this host has a use for them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{ConfigError, RetryPolicy, Section, Settings, read_json};

/// What `host.json` says, with the host's defaults for what it does not.
#[derive(Debug, Clone)]
pub struct HostJson {
    /// `customHandler`.
    pub handler: CustomHandler,
    /// `extensions.http.routePrefix`, without slashes at its ends.
    pub route_prefix: String,
    /// `extensions.serviceBus`.
    pub service_bus: ServiceBusOptions,
    /// `functionTimeout`; `None`: no limit.
    pub function_timeout: Option<Duration>,
    /// `functions`: the only ones to load; empty: all.
    pub functions: Vec<String>,
    /// `retry`: for functions that say nothing of their own.
    pub retry: Option<RetryPolicy>,
    /// Whether there is an `extensionBundle`.
    pub has_bundle: bool,
    /// Most bytes of a request's body: `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`.
    pub body_limit: usize,
}

/// `customHandler`: the process that runs the functions.
#[derive(Debug, Clone)]
pub struct CustomHandler {
    /// What to execute: a path, or a name to look for on PATH.
    pub executable: PathBuf,
    /// `arguments`, expanded; each may hold several separated by spaces.
    pub arguments: Vec<String>,
    /// `defaultWorkerPath`, given after `arguments`.
    pub worker_path: Option<String>,
    /// `workerArguments`, given last.
    pub worker_arguments: Vec<String>,
    /// Where it runs.
    pub working_directory: PathBuf,
    /// `enableForwardingHttpRequest`, or always with the older section `httpWorker`.
    pub forwards: bool,
    /// `enableProxyingHttpRequest`; wins over forwarding.
    pub proxies: bool,
    /// How long it may take until it answers.
    pub initialization_timeout: Duration,
    /// A fixed port; `None`: any free one.
    pub port: Option<u16>,
    /// Whether the settings come from the older section `httpWorker`, whose raw requests go to `/<function>`.
    pub legacy: bool,
}

/// `extensions.serviceBus`, the options a receiver needs. Unit of the durations: as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceBusOptions {
    /// Complete after success; without it a handler cannot settle at all.
    pub auto_complete: bool,
    /// Single messages in flight at once.
    pub max_concurrent_calls: usize,
    /// Sessions in flight at once.
    pub max_concurrent_sessions: usize,
    /// Single messages of one session in flight at once.
    pub max_concurrent_calls_per_session: usize,
    /// Most messages of a batch.
    pub max_batch_size: usize,
    /// Fewest messages of a batch, as long as `max_batch_wait` has not passed.
    pub min_batch_size: usize,
    /// How long to wait for `min_batch_size`.
    pub max_batch_wait: Duration,
    /// How long the lock of a single message is renewed; `None`: without end.
    pub max_auto_lock_renewal: Option<Duration>,
}

const DEFAULT_BODY_LIMIT: usize = 104_857_600;

impl HostJson {
    /// Reads the file, puts the settings `AzureFunctionsJobHost__…` over it, and checks it.
    pub fn read(
        path: &Path,
        root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let Some(json) = read_json(path)? else {
            return Err(ConfigError::Invalid(format!(
                "{} is not there: the folder with host.json is the app; name it with --script-root",
                path.display()
            )));
        };
        Self::parse(json, root, settings, warnings)
    }

    /// Reads the JSON of the file.
    pub fn parse(
        mut json: Value,
        root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        if !json.is_object() {
            return Err(ConfigError::Invalid("host.json is not an object".to_owned()));
        }
        settings.override_host_json(&mut json);
        let file = Section::new(&json, "host.json");
        if file.get("version").text()?.as_deref() != Some("2.0") {
            return Err(ConfigError::Invalid(
                "The host.json file is missing the required 'version' property: it must say \"version\": \"2.0\""
                    .to_owned(),
            ));
        }
        if file
            .get("configurationProfile")
            .text()?
            .is_some_and(|text| !text.is_empty())
        {
            warnings.push("host.json: configurationProfile is not known to this host and is ignored".to_owned());
        }
        let extensions = file.get("extensions");
        let prefix = extensions
            .get("http")
            .get("routePrefix")
            .text()?
            .unwrap_or_else(|| "api".to_owned());
        let body_limit = match settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") {
            None => DEFAULT_BODY_LIMIT,
            Some(text) => text.trim().parse().map_err(|_| {
                ConfigError::Invalid(format!(
                    "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is \"{text}\", not a number of bytes"
                ))
            })?,
        };
        Ok(Self {
            handler: CustomHandler::parse(&file, root, settings, warnings)?,
            route_prefix: prefix.trim_matches('/').to_owned(),
            service_bus: ServiceBusOptions::parse(&extensions.get("serviceBus"))?,
            function_timeout: function_timeout(&file.get("functionTimeout"))?,
            functions: file.get("functions").texts()?,
            retry: RetryPolicy::parse(&file.get("retry"))
                .map_err(|reason| ConfigError::Invalid(format!("host.json: {reason}")))?,
            has_bundle: file.get("extensionBundle").get("id").exists(),
            body_limit,
        })
    }
}

impl CustomHandler {
    fn parse(
        file: &Section<'_>,
        root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let (current, old) = (file.get("customHandler"), file.get("httpWorker"));
        if current.exists() && old.exists() {
            warnings.push("host.json: both customHandler and httpWorker are there; customHandler is used".to_owned());
        }
        let legacy = !current.exists() && old.exists();
        let section = if legacy { old } else { current };
        if section
            .get("type")
            .text()?
            .is_some_and(|kind| kind.eq_ignore_ascii_case("none"))
        {
            warnings.push("host.json: customHandler.type \"none\" is taken for \"http\"".to_owned());
        }
        if section.get("http").exists() {
            warnings.push(
                "host.json: customHandler.http (routes without function.json) is not known to this host and is ignored"
                    .to_owned(),
            );
        }
        let description = section.get("description");
        if !description.exists() {
            return Err(ConfigError::Invalid(
                "Missing worker Description. host.json needs customHandler.description.defaultExecutablePath"
                    .to_owned(),
            ));
        }
        let executable = description.get("defaultExecutablePath").text()?.unwrap_or_default();
        let executable = settings.expand(&executable);
        if executable.trim().is_empty() {
            return Err(ConfigError::Invalid(
                "WorkerDescription DefaultExecutablePath cannot be empty".to_owned(),
            ));
        }
        let directory = |key: &str| -> Result<PathBuf, ConfigError> {
            Ok(description
                .get(key)
                .text()?
                .filter(|text| !text.is_empty())
                .map_or_else(|| root.to_path_buf(), |text| root.join(settings.expand(&text))))
        };
        let expanded = |items: Vec<String>| items.iter().map(|item| settings.expand(item)).collect();
        let port =
            match section.get("port").integer()? {
                None => None,
                Some(port) => Some(u16::try_from(port).ok().filter(|port| *port != 0).ok_or_else(|| {
                    ConfigError::Invalid(format!("Unable to bind to port {port} (customHandler.port)"))
                })?),
            };
        Ok(Self {
            executable: locate(&executable, &directory("workerDirectory")?),
            arguments: expanded(description.get("arguments").texts()?),
            worker_path: description
                .get("defaultWorkerPath")
                .text()?
                .map(|text| settings.expand(&text)),
            worker_arguments: expanded(description.get("workerArguments").texts()?),
            working_directory: directory("workingDirectory")?,
            forwards: legacy || section.get("enableForwardingHttpRequest").flag()?.unwrap_or(false),
            proxies: !legacy && section.get("enableProxyingHttpRequest").flag()?.unwrap_or(false),
            initialization_timeout: section
                .get("initializationTimeout")
                .timespan()?
                .unwrap_or(Duration::from_secs(30)),
            port,
            legacy,
        })
    }

    /// The command line's arguments: all joined with spaces and split at spaces again, as the host does, so that an
    /// argument with a space in it becomes two; only `defaultWorkerPath` is quoted.
    pub fn command_line(&self) -> Vec<String> {
        let split = |items: &[String]| -> Vec<String> {
            items
                .iter()
                .flat_map(|item| item.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .collect()
        };
        let mut line = split(&self.arguments);
        line.extend(self.worker_path.clone());
        line.extend(split(&self.worker_arguments));
        line
    }
}

/// Relative to `directory` only where the file is there; else the name is left for PATH to find.
fn locate(executable: &str, directory: &Path) -> PathBuf {
    let joined = directory.join(executable);
    if joined.is_file() {
        joined
    } else {
        PathBuf::from(executable)
    }
}

fn function_timeout(section: &Section<'_>) -> Result<Option<Duration>, ConfigError> {
    const DEFAULT: Duration = Duration::from_mins(30);
    match section.text()?.as_deref() {
        None => Ok(Some(DEFAULT)),
        Some("-1" | "-1.00:00:00") => Ok(None),
        Some(_) => section.timespan(),
    }
}

impl ServiceBusOptions {
    fn parse(section: &Section<'_>) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (messages, batches) = (section.get("messageHandlerOptions"), section.get("batchOptions"));
        let sessions = section.get("sessionHandlerOptions");
        let renewal = section.get("maxAutoLockRenewalDuration");
        let endless = renewal.text()?.is_some_and(|text| text.starts_with('-'));
        let max_auto_lock_renewal = if endless {
            None
        } else {
            let old = messages.get("maxAutoRenewDuration").timespan()?;
            Some(renewal.timespan()?.or(old).unwrap_or(Duration::from_mins(5)))
        };
        let flag = |flat: &str, old: &Section<'_>| -> Result<Option<bool>, ConfigError> {
            Ok(section.get(flat).flag()?.or(old.flag()?))
        };
        let count = |flat: &str, old: &Section<'_>| -> Result<Option<usize>, ConfigError> {
            Ok(section.get(flat).count()?.or(old.count()?))
        };
        let options = Self {
            auto_complete: flag("autoCompleteMessages", &messages.get("autoComplete"))?.unwrap_or(true),
            max_concurrent_calls: count("maxConcurrentCalls", &messages.get("maxConcurrentCalls"))?
                .unwrap_or(16 * cores),
            max_concurrent_sessions: count("maxConcurrentSessions", &sessions.get("maxConcurrentSessions"))?
                .unwrap_or(8),
            max_concurrent_calls_per_session: section.get("maxConcurrentCallsPerSession").count()?.unwrap_or(1),
            max_batch_size: count("maxMessageBatchSize", &batches.get("maxMessageCount"))?.unwrap_or(1000),
            min_batch_size: section.get("minMessageBatchSize").count()?.unwrap_or(1),
            max_batch_wait: section
                .get("maxBatchWaitTime")
                .timespan()?
                .unwrap_or(Duration::from_secs(30)),
            max_auto_lock_renewal,
        };
        if options.min_batch_size > options.max_batch_size {
            return Err(ConfigError::Invalid(
                "host.json.extensions.serviceBus: minMessageBatchSize is greater than maxMessageBatchSize".to_owned(),
            ));
        }
        if options.max_batch_wait > Duration::from_secs(150) {
            return Err(ConfigError::Invalid(
                "host.json.extensions.serviceBus: maxBatchWaitTime must not exceed 00:02:30".to_owned(),
            ));
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use serde_json::json;

    fn parse(json: Value, root: &Path) -> Result<HostJson, ConfigError> {
        HostJson::parse(json, root, &Settings::default(), &mut Vec::new())
    }

    fn with(handler: &Value) -> Value {
        json!({"version": "2.0", "customHandler": handler})
    }

    #[test]
    fn defaults_are_the_hosts() {
        let host = parse(
            with(&json!({"description": {"defaultExecutablePath": "x"}})),
            Path::new("/app"),
        )
        .unwrap();
        assert_eq!(host.route_prefix, "api");
        assert_eq!(host.handler.initialization_timeout, Duration::from_secs(30));
        assert_eq!(host.handler.working_directory, Path::new("/app"));
        assert!(!host.handler.forwards && !host.handler.proxies);
        assert_eq!(host.service_bus.max_batch_size, 1000);
        assert_eq!(host.body_limit, 104_857_600);
    }

    #[test]
    fn the_version_is_checked() {
        for json in [json!({}), json!({"version": "1.0"}), json!([])] {
            assert!(parse(json, Path::new(".")).is_err());
        }
    }

    /// Vector 23.
    #[test]
    fn a_description_is_needed() {
        let missing = parse(with(&json!({})), Path::new(".")).unwrap_err().to_string();
        assert!(missing.contains("Missing worker Description."), "{missing}");
        let empty = parse(with(&json!({"description": {"invalid": "x"}})), Path::new("."))
            .unwrap_err()
            .to_string();
        assert_eq!(empty, "WorkerDescription DefaultExecutablePath cannot be empty");
    }

    /// Vector 24.
    #[test]
    fn the_executable_is_looked_for_where_the_host_looks() {
        let root = TempDir::new();
        let node = |extra: Value| {
            let mut description = json!({"defaultExecutablePath": "node"});
            description
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().cloned().unwrap());
            parse(with(&json!({"description": description})), root.path())
                .unwrap()
                .handler
        };
        assert_eq!(node(json!({})).executable, Path::new("node"));
        std::fs::write(root.path().join("node"), "").unwrap();
        assert_eq!(node(json!({})).executable, root.path().join("node"));
        std::fs::create_dir(root.path().join("myWorkerDir")).unwrap();
        std::fs::write(root.path().join("myWorkerDir/node"), "").unwrap();
        let worker = node(json!({"workerDirectory": "myWorkerDir"}));
        assert_eq!(worker.executable, root.path().join("myWorkerDir/node"));
        let working = node(json!({"workingDirectory": "myWorkingDir"}));
        assert_eq!(working.working_directory, root.path().join("myWorkingDir"));
        assert_eq!(working.executable, root.path().join("node"));
    }

    /// Vector 25.
    #[test]
    fn an_argument_with_a_space_is_two() {
        let handler = parse(
            with(
                &json!({"description": {"defaultExecutablePath": "x", "arguments": ["--xTest1 --xTest2"],
                "defaultWorkerPath": "a b.js", "workerArguments": ["-z"]}}),
            ),
            Path::new("."),
        )
        .unwrap()
        .handler;
        assert_eq!(handler.arguments.len(), 1);
        assert_eq!(handler.command_line(), ["--xTest1", "--xTest2", "a b.js", "-z"]);
    }

    /// Vector 27.
    #[test]
    fn a_port_may_be_text_and_must_be_one() {
        let port = |port: Value| {
            parse(
                with(&json!({"description": {"defaultExecutablePath": "x"}, "port": port})),
                Path::new("."),
            )
        };
        assert_eq!(port(json!(1234)).unwrap().handler.port, Some(1234));
        assert_eq!(port(json!("5678")).unwrap().handler.port, Some(5678));
        for wrong in [0, 1_234_567] {
            let error = port(json!(wrong)).unwrap_err().to_string();
            assert!(error.contains(&format!("Unable to bind to port {wrong}")), "{error}");
        }
    }

    #[test]
    fn older_service_bus_names_are_read_and_overridden() {
        let mut json = with(&json!({"description": {"defaultExecutablePath": "x"}}));
        json["extensions"] = json!({"serviceBus": {
            "messageHandlerOptions": {"maxConcurrentCalls": 4, "autoComplete": false},
            "autoCompleteMessages": true, "maxAutoLockRenewalDuration": "-00:00:00.0010000"}});
        let options = parse(json, Path::new(".")).unwrap().service_bus;
        assert_eq!(options.max_concurrent_calls, 4);
        assert!(options.auto_complete);
        assert_eq!(options.max_auto_lock_renewal, None);
    }

    #[test]
    fn a_time_out_may_be_none() {
        let timeout = |text: &str| {
            let mut json = with(&json!({"description": {"defaultExecutablePath": "x"}}));
            json["functionTimeout"] = json!(text);
            parse(json, Path::new(".")).map(|host| host.function_timeout)
        };
        assert_eq!(timeout("-1").unwrap(), None);
        assert_eq!(timeout("00:00:05").unwrap(), Some(Duration::from_secs(5)));
        assert!(timeout("soon").is_err());
    }
}
