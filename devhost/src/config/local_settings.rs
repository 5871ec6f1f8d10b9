//! `local.settings.json`: what an app's settings are on this machine.

use std::path::Path;

use serde_json::Value;

use super::{ConfigError, Section, read_json};

/// The file, or its absence, which is the same as an empty one.
#[derive(Debug, Default)]
pub struct LocalSettings {
    /// `Values` and, as `ConnectionStrings:<name>`, `ConnectionStrings`, in the order of the file.
    pub values: Vec<(String, String)>,
    /// The section `Host`.
    pub host: LocalHost,
}

/// The section `Host`: defaults for what the command line does not say.
#[derive(Debug, Default)]
pub struct LocalHost {
    /// `LocalHttpPort`.
    pub port: Option<u16>,
    /// `CORS`: origins, or `*`.
    pub cors: Option<String>,
    /// `CORSCredentials`.
    pub cors_credentials: bool,
}

impl LocalSettings {
    /// Reads the file; its absence is no error.
    pub fn read(path: &Path, warnings: &mut Vec<String>) -> Result<Self, ConfigError> {
        let Some(json) = read_json(path)? else {
            return Ok(Self::default());
        };
        let place = path.file_name().unwrap_or_default().to_string_lossy();
        let file = Section::new(&json, place);
        match file.get("IsEncrypted").flag()? {
            Some(false) => {}
            Some(true) => {
                return Err(ConfigError::Invalid(format!(
                    "{} is encrypted, which only `func` can read: run `func settings decrypt`",
                    path.display()
                )));
            }
            None => warnings.push(
                "local.settings.json says nothing about \"IsEncrypted\", which `func` takes for true; write \
                 \"IsEncrypted\": false"
                    .to_owned(),
            ),
        }
        let mut values = Vec::new();
        read_values(&file.get("Values"), "", &mut values, warnings)?;
        read_values(
            &file.get("ConnectionStrings"),
            "ConnectionStrings:",
            &mut values,
            warnings,
        )?;
        let host = file.get("Host");
        let port = match host.get("LocalHttpPort").integer()? {
            None => None,
            Some(port) => Some(u16::try_from(port).map_err(|_| {
                ConfigError::Invalid(format!(
                    "local.settings.json.Host.LocalHttpPort is {port}, which is no port"
                ))
            })?),
        };
        let host = LocalHost {
            port,
            cors: host.get("CORS").text()?,
            cors_credentials: host.get("CORSCredentials").flag()?.unwrap_or(false),
        };
        Ok(Self { values, host })
    }
}

fn read_values(
    section: &Section<'_>,
    prefix: &str,
    values: &mut Vec<(String, String)>,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let Some(value) = section.value() else { return Ok(()) };
    let Value::Object(object) = value else {
        return Err(ConfigError::Invalid(
            "local.settings.json: \"Values\" must be an object of texts".to_owned(),
        ));
    };
    for (name, value) in object {
        match value {
            Value::Null => {}
            Value::String(text) => values.push((format!("{prefix}{name}"), text.clone())),
            Value::Number(_) | Value::Bool(_) => {
                warnings.push(format!(
                    "local.settings.json: {name} should be text; \"{value}\" is used, `func` may refuse it"
                ));
                values.push((format!("{prefix}{name}"), value.to_string()));
            }
            _ => {
                return Err(ConfigError::Invalid(format!(
                    "local.settings.json: {name} must be text: settings are environment variables"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Result<LocalSettings, ConfigError>, Vec<String>) {
        let file = crate::testing::TempDir::new();
        let path = file.path().join("local.settings.json");
        std::fs::write(&path, text).unwrap();
        let mut warnings = Vec::new();
        (LocalSettings::read(&path, &mut warnings), warnings)
    }

    #[test]
    fn reads_every_section() {
        let (settings, warnings) = read(
            r#"{"IsEncrypted": false, "Values": {"A": "1", "Gone": null, "Empty": ""},
                "ConnectionStrings": {"Db": "x"}, "Host": {"LocalHttpPort": "8080", "CORS": "*"}}"#,
        );
        let settings = settings.unwrap();
        let pairs: Vec<_> = settings.values.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("Empty", ""), ("ConnectionStrings:Db", "x")]);
        assert_eq!(settings.host.port, Some(8080));
        assert_eq!(settings.host.cors.as_deref(), Some("*"));
        assert!(warnings.is_empty());
    }

    #[test]
    fn refuses_encrypted_and_nested_values() {
        assert!(read(r#"{"IsEncrypted": true}"#).0.is_err());
        assert!(read(r#"{"IsEncrypted": false, "Values": {"A": {"B": 1}}}"#).0.is_err());
        assert!(read("{").0.unwrap_err().to_string().contains("not valid JSON"));
    }

    #[test]
    fn warns_of_a_missing_flag() {
        assert_eq!(read("{}").1.len(), 1);
    }
}
