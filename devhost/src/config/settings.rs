//! App settings: the environment of the host over `local.settings.json`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::LocalSettings;
use super::section::put;

/// All settings of an app by name.
#[derive(Debug, Default, Clone)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// Names that came from the file and are not in the environment: what the handler would not inherit anyway.
    local: Vec<String>,
}

impl Settings {
    /// Merges both sources; a variable already in the environment wins and is told.
    pub fn merge(
        env: impl IntoIterator<Item = (String, String)>,
        local: &LocalSettings,
        warnings: &mut Vec<String>,
    ) -> Self {
        let mut settings = Self {
            values: env.into_iter().collect(),
            local: Vec::new(),
        };
        for (name, value) in &local.values {
            match settings.values.get(name) {
                Some(present) if present != value => warnings.push(format!(
                    "Skipping '{name}' from local settings as it's already defined in current environment variables."
                )),
                Some(_) => {}
                None => {
                    settings.values.insert(name.clone(), value.clone());
                    settings.local.push(name.clone());
                }
            }
        }
        settings
    }

    /// The setting `name`: exactly so, else in any case, else with `:` for `__` or the other way round.
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some(value) = self.values.get(name) {
            return Some(value);
        }
        let wanted = canonical(name);
        self.values
            .iter()
            .find(|(key, _)| canonical(key) == wanted)
            .map(|(_, value)| value.as_str())
    }

    /// What the handler gets on top of the environment it inherits.
    pub fn for_child(&self) -> impl Iterator<Item = (&str, &str)> {
        self.local
            .iter()
            .filter_map(|name| self.values.get(name).map(|value| (name.as_str(), value.as_str())))
    }

    /// Every name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Replaces every `%NAME%` in `text`. The error is the name that is set nowhere.
    pub fn resolve(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('%') {
            out.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            let Some(end) = after.find('%') else {
                out.push('%');
                rest = after;
                continue;
            };
            let name = &after[..end];
            out.push_str(self.get(name).ok_or_else(|| name.to_owned())?);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Replaces every `%NAME%` in `text`, what is set nowhere by nothing, as the host does on a command line.
    pub fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        loop {
            match self.resolve(&text) {
                Ok(done) => return done,
                Err(name) => text = text.replace(&format!("%{name}%"), ""),
            }
        }
    }

    /// Puts the settings `AzureFunctionsJobHost__a__b` (or with `:`) over the JSON of `host.json`.
    pub fn override_host_json(&self, json: &mut Value) {
        const PREFIX: &str = "azurefunctionsjobhost";
        for (name, value) in &self.values {
            let path = name.replace("__", ":");
            let mut parts = path.split(':');
            if !parts.next().is_some_and(|first| first.eq_ignore_ascii_case(PREFIX)) {
                continue;
            }
            let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
            if parts.is_empty() {
                continue;
            }
            // Lists and objects may be given whole, as JSON; everything else is text, read by whoever wants it.
            let value = match serde_json::from_str::<Value>(value) {
                Ok(parsed @ (Value::Array(_) | Value::Object(_))) => parsed,
                _ => Value::String(value.clone()),
            };
            put(json, &parts, value);
        }
    }

    /// Whether `function` is switched off.
    pub fn disables(&self, function: &str) -> bool {
        [
            format!("AzureWebJobs.{function}.Disabled"),
            format!("AzureWebJobs_{function}_Disabled"),
        ]
        .iter()
        .filter_map(|name| self.get(name))
        .any(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// The connection a binding means: the setting of that name, the same with `AzureWebJobs` before it, or, for an
    /// identity, `<name>__fullyQualifiedNamespace`.
    pub fn connection(&self, name: &str) -> Option<&str> {
        self.get(name)
            .or_else(|| self.get(&format!("AzureWebJobs{name}")))
            .or_else(|| self.get(&format!("{name}__fullyQualifiedNamespace")))
    }
}

fn canonical(name: &str) -> String {
    name.replace("__", ":").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(env: &[(&str, &str)], local: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let env: Vec<(String, String)> = own(env);
        let local = LocalSettings {
            values: own(local),
            ..LocalSettings::default()
        };
        let mut warnings = Vec::new();
        let merged = Settings::merge(env, &local, &mut warnings);
        (merged, warnings)
    }

    #[test]
    fn the_environment_wins() {
        let (settings, warnings) = settings(&[("A", "env")], &[("A", "file"), ("B", "file")]);
        assert_eq!(settings.get("A"), Some("env"));
        assert_eq!(settings.for_child().collect::<Vec<_>>(), [("B", "file")]);
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn resolves_and_expands() {
        let (settings, _) = settings(&[("Queue", "orders")], &[]);
        assert_eq!(settings.resolve("x-%QUEUE%-y%").unwrap(), "x-orders-y%");
        assert_eq!(settings.resolve("%None%"), Err("None".to_owned()));
        assert_eq!(settings.expand("--q=%Queue% --n=%None%"), "--q=orders --n=");
    }

    /// Vector 26.
    #[test]
    fn host_json_values_are_overridden() {
        let (settings, _) = settings(
            &[
                (
                    "AzureFunctionsJobHost:httpWorker:description:arguments",
                    r#"["--xTest5","--xTest6","--xTest7"]"#,
                ),
                ("AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls", "3"),
                ("AzureFunctionsJobHost__functions__0", "one"),
            ],
            &[],
        );
        let mut json = json!({"version": "2.0", "httpWorker": {"description": {"arguments": ["--xTest1"]}}});
        settings.override_host_json(&mut json);
        assert_eq!(
            json,
            json!({
                "version": "2.0",
                "httpWorker": {"description": {"arguments": ["--xTest5", "--xTest6", "--xTest7"]}},
                "extensions": {"serviceBus": {"maxConcurrentCalls": "3"}},
                "functions": ["one"],
            })
        );
    }

    #[test]
    fn functions_are_disabled_by_either_name() {
        let (settings, _) = settings(
            &[
                ("AzureWebJobs.one.Disabled", "TRUE"),
                ("AzureWebJobs_two_Disabled", "1"),
            ],
            &[],
        );
        assert!(settings.disables("one") && settings.disables("two") && !settings.disables("three"));
    }

    #[test]
    fn a_connection_has_three_spellings() {
        let (settings, _) = settings(
            &[("A", "1"), ("AzureWebJobsB", "2"), ("C__fullyQualifiedNamespace", "3")],
            &[],
        );
        assert_eq!(
            [
                settings.connection("A"),
                settings.connection("B"),
                settings.connection("C")
            ],
            [Some("1"), Some("2"), Some("3")]
        );
        assert_eq!(settings.connection("D"), None);
    }
}
