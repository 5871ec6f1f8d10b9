//! `host.json`: the settings of the host, as far as this host has a use for them.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::section::put;
use super::{ConfigError, CustomHandler, RetryPolicy, Section, Settings, read_json};

/// What `host.json` says, with the host's defaults for what it does not.
#[derive(Debug, Clone)]
pub struct HostJson {
    /// `customHandler`.
    pub handler: CustomHandler,
    /// `extensions.http`.
    pub http: HttpOptions,
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
    /// Whether a `configurationProfile` other than the default makes this a custom handler, whatever the settings say.
    pub has_handler_profile: bool,
}

/// `extensions.http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// `routePrefix`, without slashes at its ends.
    pub route_prefix: String,
    /// `maxConcurrentRequests`: requests in functions at once; `None`: no limit.
    pub max_concurrent: Option<usize>,
    /// `maxOutstandingRequests`: those and what waits behind them; `None`: no limit.
    pub max_outstanding: Option<usize>,
    /// `customHeaders`: what every answer gets.
    pub custom_headers: Vec<(String, String)>,
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
        Self::examine_file(path, root, settings, warnings).map_err(|mut errors| errors.swap_remove(0))
    }

    /// As [`HostJson::read`], and names everything that is wrong; there is at least one error.
    pub fn examine_file(
        path: &Path,
        root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        match read_json(path) {
            Ok(Some(json)) => Self::examine(json, root, settings, warnings),
            Ok(None) => Err(vec![ConfigError::Invalid(format!(
                "{} is not there: the folder with host.json is the app; name it with --script-root",
                path.display()
            ))]),
            Err(error) => Err(vec![error]),
        }
    }

    /// Reads the JSON of the file. The first thing that is wrong is the error.
    pub fn parse(
        json: Value,
        root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        Self::examine(json, root, settings, warnings).map_err(|mut errors| errors.swap_remove(0))
    }

    /// Reads the JSON of the file, and names everything that is wrong with it, one error a section; there is at least one.
    pub fn examine(
        mut json: Value,
        root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        if !json.is_object() {
            return Err(vec![ConfigError::Invalid("host.json is not an object".to_owned())]);
        }
        settings.override_host_json(&mut json);
        let has_handler_profile = apply_profile(&mut json).map_err(|error| vec![error])?;
        settings.override_host_json(&mut json);
        let mut errors = Vec::new();
        let file = Section::new(&json, "host.json");
        if !matches!(file.get("version").text(), Ok(Some(version)) if version == "2.0") {
            errors.push(ConfigError::Invalid(
                "The host.json file is missing the required 'version' property: it must say \"version\": \"2.0\""
                    .to_owned(),
            ));
        }
        let extensions = file.get("extensions");
        let handler = keep(CustomHandler::parse(&file, root, settings, warnings), &mut errors);
        let http = keep(HttpOptions::parse(&extensions.get("http"), warnings), &mut errors);
        let service_bus = keep(ServiceBusOptions::parse(&extensions.get("serviceBus")), &mut errors);
        let function_timeout = keep(function_timeout(&file.get("functionTimeout")), &mut errors);
        let functions = keep(file.get("functions").texts(), &mut errors);
        let retry = RetryPolicy::parse(&file.get("retry"))
            .map_err(|reason| ConfigError::Invalid(format!("host.json.retry: {reason}")));
        let retry = keep(retry, &mut errors);
        let body_limit = keep(body_limit(settings), &mut errors);
        match (
            handler,
            http,
            service_bus,
            function_timeout,
            functions,
            retry,
            body_limit,
        ) {
            (
                Some(handler),
                Some(http),
                Some(service_bus),
                Some(function_timeout),
                Some(functions),
                Some(retry),
                Some(body_limit),
            ) if errors.is_empty() => Ok(Self {
                handler,
                http,
                service_bus,
                function_timeout,
                functions,
                retry,
                has_bundle: file.get("extensionBundle").get("id").exists(),
                body_limit,
                has_handler_profile,
            }),
            _ => Err(errors),
        }
    }
}

/// The value of `result`, or nothing; its error is kept.
fn keep<T>(result: Result<T, ConfigError>, errors: &mut Vec<ConfigError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

/// Puts the values of `configurationProfile` into the file, over what stands there. True: it makes the app a custom
/// handler.
fn apply_profile(json: &mut Value) -> Result<bool, ConfigError> {
    let name = Section::new(json, "host.json").get("configurationProfile").text()?;
    match name.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "default" => Ok(false),
        "mcp-custom-handler" | "web-app-custom-handler" => {
            put(json, &["customHandler", "enableProxyingHttpRequest"], Value::Bool(true));
            put(
                json,
                &["extensions", "http", "routePrefix"],
                Value::String(String::new()),
            );
            put(
                json,
                &["customHandler", "http", "routes", "0", "route"],
                Value::String("{*route}".to_owned()),
            );
            Ok(true)
        }
        other => Err(ConfigError::Invalid(format!(
            "host.json.configurationProfile: '{other}' is not supported; it may be '', 'default', 'mcp-custom-handler' \
             or 'web-app-custom-handler'"
        ))),
    }
}

fn body_limit(settings: &Settings) -> Result<usize, ConfigError> {
    match settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") {
        None => Ok(DEFAULT_BODY_LIMIT),
        Some(text) => text.trim().parse().map_err(|_| {
            ConfigError::Invalid(format!(
                "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is \"{text}\", not a number of bytes"
            ))
        }),
    }
}

impl HttpOptions {
    fn parse(section: &Section<'_>, warnings: &mut Vec<String>) -> Result<Self, ConfigError> {
        let limit = |key: &str| -> Result<Option<usize>, ConfigError> {
            let limit = section.get(key);
            // What .NET calls unbounded.
            if limit.integer()? == Some(-1) {
                return Ok(None);
            }
            limit.count()
        };
        if section.get("dynamicThrottlesEnabled").flag()?.unwrap_or(false) {
            warnings.push(
                "host.json: extensions.http.dynamicThrottlesEnabled refuses requests in Azure while an instance is short \
                 of connections, threads or CPU; there is no such measure here"
                    .to_owned(),
            );
        }
        let prefix = section.get("routePrefix").text()?.unwrap_or_else(|| "api".to_owned());
        let headers = section.get("customHeaders");
        let custom_headers = match headers.value() {
            None => Vec::new(),
            Some(Value::Object(object)) => object
                .keys()
                .filter_map(|name| {
                    headers
                        .get(name)
                        .text()
                        .transpose()
                        .map(|text| Ok((name.clone(), text?)))
                })
                .collect::<Result<_, ConfigError>>()?,
            Some(_) => return Err(headers.wrong("an object of texts")),
        };
        Ok(Self {
            route_prefix: prefix.trim_matches('/').to_owned(),
            max_concurrent: limit("maxConcurrentRequests")?,
            max_outstanding: limit("maxOutstandingRequests")?,
            custom_headers,
        })
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
    use crate::testing::{host_json as parse, with_handler as with};
    use serde_json::json;

    #[test]
    fn defaults_are_the_hosts() {
        let host = parse(
            with(&json!({"description": {"defaultExecutablePath": "x"}})),
            Path::new("/app"),
        )
        .unwrap();
        assert_eq!(host.http.route_prefix, "api");
        assert_eq!((host.http.max_concurrent, host.http.max_outstanding), (None, None));
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

    #[test]
    fn every_section_that_is_wrong_is_named() {
        let json = json!({"version": "1.0", "customHandler": {}, "functionTimeout": "soon", "functions": "x",
            "retry": {}, "extensions": {"http": {"maxConcurrentRequests": 0}, "serviceBus": {"maxConcurrentCalls": "x"}}});
        let errors = HostJson::examine(json, Path::new("."), &Settings::default(), &mut Vec::new()).unwrap_err();
        let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 7, "{text:#?}");
        for words in [
            "'version'",
            "description",
            "functionTimeout",
            "functions",
            "retry",
            "maxConcurrentRequests",
        ] {
            assert!(text.iter().any(|error| error.contains(words)), "{words}");
        }
    }

    #[test]
    fn a_profile_makes_one_proxied_route_of_everything() {
        let mut json = with(&json!({"description": {"defaultExecutablePath": "x"},
            "http": {"routes": [{"route": "own", "authorizationLevel": "anonymous"}]}}));
        json["configurationProfile"] = json!("MCP-Custom-Handler");
        let host = parse(json.clone(), Path::new(".")).unwrap();
        assert!(host.handler.proxies && host.has_handler_profile);
        assert_eq!(host.http.route_prefix, "");
        assert_eq!(host.handler.routes.len(), 1);
        assert_eq!(host.handler.routes[0].route.as_deref(), Some("{*route}"));
        assert_eq!(host.handler.routes[0].auth_level, crate::config::AuthLevel::Anonymous);
        json["configurationProfile"] = json!("default");
        assert!(!parse(json.clone(), Path::new(".")).unwrap().handler.proxies);
        json["configurationProfile"] = json!("other");
        let error = parse(json, Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("'other' is not supported"), "{error}");
    }

    #[test]
    fn limits_of_requests_may_be_none() {
        let http = |http: Value| {
            let mut json = with(&json!({"description": {"defaultExecutablePath": "x"}}));
            json["extensions"] = json!({"http": http});
            parse(json, Path::new(".")).map(|host| host.http)
        };
        let limits = http(json!({"maxConcurrentRequests": 2, "maxOutstandingRequests": -1})).unwrap();
        assert_eq!((limits.max_concurrent, limits.max_outstanding), (Some(2), None));
        assert!(http(json!({"maxOutstandingRequests": 0})).is_err());
        let named = http(json!({"customHeaders": {"X-Content-Type-Options": "nosniff"}})).unwrap();
        assert_eq!(
            named.custom_headers,
            [("X-Content-Type-Options".to_owned(), "nosniff".to_owned())]
        );
    }
}
