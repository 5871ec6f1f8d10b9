//! What Terraform says of an environment.

use crate::failure::Failure;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How the app is hosted, which decides how it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hosting {
    /// Flex Consumption: instances are replaced by and by.
    Flex,
    /// Elastic Premium: slots are swapped.
    ElasticPremium,
}

/// Where an environment is.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) resource_group: String,
    pub(super) app: String,
    pub(super) api_url: String,
    pub(super) hosting: Hosting,
    /// Host names of the slots.
    pub(super) slots: BTreeMap<String, String>,
    pub(super) packages_url: String,
    pub(super) key_vault: String,
    pub(super) application_insights: String,
    pub(super) database_direct_url: String,
}

#[derive(Deserialize)]
struct Output {
    value: Value,
}

impl Facts {
    /// Reads what `terraform output -json` prints.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let mut outputs: BTreeMap<String, Output> = serde_json::from_str(text)
            .map_err(|error| Failure::Input(format!("what Terraform prints of its outputs cannot be read: {error}")))?;
        let mut take = |name: &str| {
            let output = outputs.remove(name).ok_or_else(|| {
                Failure::Input(format!(
                    "Terraform has no output {name}: was this environment ever applied?"
                ))
            })?;
            Ok::<_, Failure>(output.value)
        };
        let wrong = |name: &str| Failure::Input(format!("the output {name} is not what it should be"));
        let mut text = |name: &str| match take(name)? {
            Value::String(text) if !text.is_empty() => Ok(text),
            _ => Err(wrong(name)),
        };
        Ok(Self {
            resource_group: text("resource_group_name")?,
            app: text("function_app_name")?,
            api_url: text("api_url")?,
            packages_url: text("packages_container_url")?,
            key_vault: text("key_vault_name")?,
            application_insights: text("application_insights_id")?,
            database_direct_url: text("database_direct_url")?,
            hosting: serde_json::from_value(take("hosting")?).map_err(|_| wrong("hosting"))?,
            slots: serde_json::from_value(take("slots")?).map_err(|_| wrong("slots"))?,
        })
    }

    /// The database as `role` comes to it.
    pub(super) fn database_url(&self, role: &str) -> Result<String, Failure> {
        let wrong = || Failure::Input("the output database_direct_url is not what it should be".to_owned());
        let mut url = Url::parse(&self.database_direct_url).map_err(|_| wrong())?;
        url.set_username(role).map_err(|()| wrong())?;
        Ok(url.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outputs() -> Value {
        let output = |value: Value| json!({ "sensitive": false, "type": "string", "value": value });
        json!({
            "resource_group_name": output("rg".into()), "function_app_name": output("shop".into()),
            "api_url": output("https://api".into()), "packages_container_url": output("https://st/packages".into()),
            "key_vault_name": output("kv".into()), "application_insights_id": output("/ai".into()),
            "database_direct_url": output("postgres://id-app@server:5432/inventory?sslmode=verify-full".into()),
            "hosting": output("elastic_premium".into()), "slots": output(json!({ "next": "shop-next.azurewebsites.net" })),
            "tags": output(json!({})),
        })
    }

    #[test]
    fn an_environment_is_what_terraform_says() {
        let facts = Facts::read(&outputs().to_string()).unwrap();
        assert_eq!((facts.app.as_str(), facts.hosting), ("shop", Hosting::ElasticPremium));
        assert_eq!(facts.slots["next"], "shop-next.azurewebsites.net");
        assert_eq!(
            facts.database_url("me@example.com").unwrap(),
            "postgres://me%40example.com@server:5432/inventory?sslmode=verify-full"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for (name, value) in [
            ("api_url", json!("")),
            ("hosting", json!("kubernetes")),
            ("slots", json!("next")),
        ] {
            let mut outputs = outputs();
            outputs[name]["value"] = value;
            let Err(Failure::Input(why)) = Facts::read(&outputs.to_string()) else {
                panic!("{name}")
            };
            assert!(why.contains(name), "{why}");
        }
        assert!(Facts::read("{}").is_err());
        assert!(Facts::read("No outputs found").is_err());
    }
}
