//! `customHandler` of `host.json`: the process that runs the functions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{AuthLevel, ConfigError, Section, Settings};

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
    /// `http.routes`: functions without a `function.json`, in their order.
    pub routes: Vec<HandlerRoute>,
}

/// One element of `customHandler.http.routes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerRoute {
    /// `route`; `None`: it is not there, which makes the function an error.
    pub route: Option<String>,
    /// `authorizationLevel`, else `http.defaultAuthorizationLevel`, else function.
    pub auth_level: AuthLevel,
}

impl CustomHandler {
    pub(super) fn parse(
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
            routes: routes(&section.get("http"))?,
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

fn routes(http: &Section<'_>) -> Result<Vec<HandlerRoute>, ConfigError> {
    let default = auth_level(&http.get("defaultAuthorizationLevel"))?.unwrap_or(AuthLevel::Function);
    http.get("routes")
        .items()?
        .iter()
        .map(|item| {
            Ok(HandlerRoute {
                route: item.get("route").text()?,
                auth_level: auth_level(&item.get("authorizationLevel"))?.unwrap_or(default),
            })
        })
        .collect()
}

fn auth_level(section: &Section<'_>) -> Result<Option<AuthLevel>, ConfigError> {
    section
        .text()?
        .map(|text| AuthLevel::parse(&text).ok_or_else(|| section.wrong("anonymous, function, system or admin")))
        .transpose()
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

#[cfg(test)]
mod tests {
    use super::super::HostJson;
    use super::*;
    use crate::testing::{TempDir, host_json as parse, with_handler as with};
    use serde_json::{Value, json};

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
    fn the_newer_section_wins_and_the_older_one_forwards() {
        let description = |name: &str| json!({"description": {"defaultExecutablePath": name}});
        let old = json!({"version": "2.0", "httpWorker": description("old")});
        let handler = parse(old.clone(), Path::new(".")).unwrap().handler;
        assert!(handler.legacy && handler.forwards && !handler.proxies);
        let mut both = old;
        both["customHandler"] = description("new");
        let mut warnings = Vec::new();
        let host = HostJson::parse(both, Path::new("."), &Settings::default(), &mut warnings).unwrap();
        assert_eq!(host.handler.executable, Path::new("new"));
        assert!(!host.handler.legacy && !host.handler.forwards);
        assert!(warnings[0].contains("customHandler is used"), "{warnings:?}");
    }

    #[test]
    fn a_route_has_a_level_of_its_own_or_the_default() {
        let routes = |http: Value| {
            let json = with(&json!({"description": {"defaultExecutablePath": "x"}, "http": http}));
            parse(json, Path::new(".")).map(|host| host.handler.routes)
        };
        let read = routes(json!({"defaultAuthorizationLevel": "Anonymous",
            "routes": [{"route": "/alpha"}, {"route": "b", "authorizationLevel": "admin"}, {}]}))
        .unwrap();
        let levels: Vec<_> = read.iter().map(|route| route.auth_level).collect();
        assert_eq!(levels, [AuthLevel::Anonymous, AuthLevel::Admin, AuthLevel::Anonymous]);
        assert_eq!(read[2].route, None);
        assert_eq!(
            routes(json!({"routes": [{"route": "a"}]})).unwrap()[0].auth_level,
            AuthLevel::Function
        );
        let error = routes(json!({"routes": [{"route": "a", "authorizationLevel": "all"}]}))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("host.json.customHandler.http.routes[0].authorizationLevel"),
            "{error}"
        );
        assert!(routes(json!({"routes": "a"})).is_err());
    }
}
