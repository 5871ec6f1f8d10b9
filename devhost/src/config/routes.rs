//! Functions without a `function.json`: one for each of `customHandler.http.routes`.

use std::path::Path;

use serde_json::json;

use super::function::examine_function;
use super::scan::{function_folders, is_wanted};
use super::{ConfigError, Function, HostJson, Scan, Settings};

const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT",
];

/// Makes `http-handler1`, `http-handler2` and so on. `only` limits the names, in any case; empty: no limit.
pub(super) fn scan_routes(
    root: &Path,
    host: &HostJson,
    settings: &Settings,
    only: &[String],
) -> Result<Scan, ConfigError> {
    let is_custom = settings
        .get("FUNCTIONS_WORKER_RUNTIME")
        .is_some_and(|runtime| runtime.eq_ignore_ascii_case("custom"));
    if !is_custom && !host.has_handler_profile {
        return Err(ConfigError::Invalid(
            "host.json.customHandler.http.routes: Routes configuration is only allowed for worker runtime: custom; set \
             FUNCTIONS_WORKER_RUNTIME to \"custom\""
                .to_owned(),
        ));
    }
    let (folders, twins) = function_folders(root)?;
    if let Some(name) = folders
        .iter()
        .map(|(name, _)| name)
        .chain(twins.iter().map(|twin| &twin.name))
        .next()
    {
        return Err(ConfigError::Invalid(format!(
            "Detected both function.json files ({name}) and customHandler.http.routes in host.json: only one of them is \
             allowed; remove one"
        )));
    }
    let mut scan = Scan::default();
    for (index, route) in host.handler.routes.iter().enumerate() {
        let name = format!("http-handler{}", index + 1);
        if !is_wanted(&name, only) {
            continue;
        }
        let function = match route.route.as_deref().filter(|route| !route.trim().is_empty()) {
            None => Err(vec![format!(
                "host.json.customHandler.http.routes[{index}]: Route cannot be null, empty or whitespace."
            )]),
            Some(template) => function(&name, root, template, route.auth_level.name(), settings),
        };
        scan.add(&name, function);
    }
    scan.name_missing(only);
    // As all functions: tried in the order of their names, so `http-handler10` comes before `http-handler2`.
    scan.functions.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(scan)
}

fn function(name: &str, root: &Path, route: &str, level: &str, settings: &Settings) -> Result<Function, Vec<String>> {
    let json = json!({"bindings": [
        {"type": "httpTrigger", "direction": "in", "name": "req", "methods": METHODS, "route": route, "authLevel": level},
        {"type": "http", "direction": "out", "name": "res"},
    ]});
    examine_function(name, root, &json, settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AuthLevel, LocalSettings, Trigger};
    use crate::testing::TempDir;

    fn scan(root: &Path, runtime: &str, routes: &serde_json::Value) -> Result<Scan, ConfigError> {
        let env = [("FUNCTIONS_WORKER_RUNTIME".to_owned(), runtime.to_owned())];
        let settings = Settings::merge(env, &LocalSettings::default(), &mut Vec::new());
        let json = json!({"version": "2.0", "customHandler": {"description": {"defaultExecutablePath": "x"},
            "http": {"routes": routes}}});
        let host = HostJson::parse(json, root, &settings, &mut Vec::new())?;
        scan_routes(root, &host, &settings, &[])
    }

    #[test]
    fn each_route_is_a_function_of_all_methods() {
        let root = TempDir::new();
        let routes = json!([{"route": "/alpha", "authorizationLevel": "anonymous"}, {}, {"route": "{*catchAll}"}]);
        let scan = scan(root.path(), "Custom", &routes).unwrap();
        let names: Vec<_> = scan.functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["http-handler1", "http-handler3"]);
        assert!(scan.functions[0].is_http_only());
        let Trigger::Http(trigger) = &scan.functions[0].trigger else {
            panic!("no httpTrigger")
        };
        assert_eq!((trigger.methods.len(), trigger.auth_level), (9, AuthLevel::Anonymous));
        assert_eq!(scan.problems[0].name, "http-handler2");
    }

    #[test]
    fn another_runtime_or_a_function_json_forbids_them() {
        let root = TempDir::new();
        let routes = json!([{"route": "a"}]);
        let error = scan(root.path(), "node", &routes).unwrap_err().to_string();
        assert!(error.contains("only allowed for worker runtime: custom"), "{error}");
        std::fs::create_dir_all(root.path().join("one")).unwrap();
        std::fs::write(root.path().join("one/function.json"), "{}").unwrap();
        let error = scan(root.path(), "custom", &routes).unwrap_err().to_string();
        assert!(error.contains("both function.json files (one)"), "{error}");
    }
}
