//! Settings: from the environment, all checked at once, before anything is started.
//!
//! Each group is a module with its [`Setting`]s, the struct they become, and how it is read. To add a setting: a `static`
//! in its group's module, its place in the group's list, its reading, a line in `local.settings.json.example`, and
//! `inventory settings document > docs/settings.md`. Tests hold all of them against each other.

mod azure;
mod database;
mod document;
mod event_history;
mod files;
mod host;
mod http;
mod identity;
mod rate_limit;
mod receivers;
mod secrets;
mod service_bus;
mod setting;
mod source;
mod telemetry;
mod work;

pub use azure::Azure;
pub use document::document;
pub use event_history::{EventHistory, EventRetention};
pub use files::{BlobSettings, Files, FilesEngine};
pub use http::Http;
pub use identity::{EntraSettings, Identity};
pub(crate) use identity::{is_loopback, is_safe_url};
pub use rate_limit::RateLimit;
pub use receivers::{Receivers, Smtp};
pub use setting::{Group, Kind, Setting};
pub use telemetry::{Otlp, Telemetry};
pub use work::Work;

use crate::secrets::SecretValues;
use inventory_azure::ServiceBusConnection;
use source::Source;
use std::collections::BTreeMap;

/// All groups, in the order of the documentation. The last are the host's, which the program does not read.
pub static GROUPS: &[&Group] = &[
    &database::GROUP,
    &secrets::GROUP,
    &azure::GROUP,
    &service_bus::GROUP,
    &work::GROUP,
    &receivers::GROUP,
    &event_history::GROUP,
    &files::GROUP,
    &http::GROUP,
    &identity::GROUP,
    &rate_limit::GROUP,
    &telemetry::GROUP,
    &host::GROUP,
];

/// Every setting, by group.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|group| group.settings).copied()
}

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to connect to the database.
    pub database: inventory_store::Options,
    /// Whether to bring the schema up to date before anything else.
    pub migrate_on_start: bool,
    /// Secrets that the settings hold; with a Key Vault, what it lacks.
    pub secrets: SecretValues,
    /// Who we are to Azure, and where secrets come from.
    pub azure: Azure,
    /// How to connect to Service Bus; `None` only for command-line tools, which leave sending to the handler.
    pub service_bus: Option<ServiceBusConnection>,
    /// How the work is done.
    pub work: Work,
    /// How webhooks and channels are told.
    pub receivers: Receivers,
    /// Where events are kept for long; `None`: nowhere.
    pub event_history: Option<EventHistory>,
    /// Where the files of exports and imports are, and what they may be.
    pub files: Files,
    /// What an HTTP request may be and take.
    pub http: Http,
    /// Who may do anything.
    pub identity: Identity,
    /// How often a client may ask, and who a client is.
    pub rate_limit: RateLimit,
    /// What is told of the work.
    pub telemetry: Telemetry,
}

/// Everything that is wrong with the settings. Never shows a value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings are not valid:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

/// Who reads the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The handler, which sends what is in the outbox.
    Handler,
    /// A command-line tool, which sends nothing.
    Tool,
}

impl Settings {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_values(&environment())
    }

    /// The settings of the handler as [`Settings::from_env`] reads them, with another database where one is named.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn for_handler(database_url: Option<&str>) -> Result<Self, SettingsError> {
        Self::from_values(&environment_with(database_url))
    }

    /// The settings of a command-line tool: the database is `database_url`, else the environment's; nothing is sent.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn for_cli(database_url: Option<&str>) -> Result<Self, SettingsError> {
        Self::read(&mut Source::new(&environment_with(database_url)), Reader::Tool)
    }

    /// Reads settings from a map, as [`Settings::from_env`] does from the environment.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn from_values(values: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        Self::read(&mut Source::new(values), Reader::Handler)
    }

    fn read(source: &mut Source<'_>, reader: Reader) -> Result<Self, SettingsError> {
        let azure = azure::read(source);
        let (mut database, migrate_on_start) = database::read(source, azure.key_vault.is_some());
        let mut secrets = secrets::read(source);
        database.password.clone_from(&secrets.database_password);
        secrets.database_url = Some(database.url.as_str().into()).filter(|_| !database.url.is_empty());
        let telemetry = telemetry::read(source, reader);
        let settings = Self {
            identity: identity::read(
                source,
                reader,
                &telemetry.environment,
                &secrets,
                azure.key_vault.is_some(),
            ),
            database,
            migrate_on_start,
            secrets,
            azure,
            service_bus: service_bus::read(source, reader == Reader::Handler),
            work: work::read(source),
            receivers: receivers::read(source),
            event_history: event_history::read(source),
            files: files::read(source),
            http: http::read(source),
            rate_limit: rate_limit::read(source, reader),
            telemetry,
        };
        if source.wrong.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(std::mem::take(&mut source.wrong)))
        }
    }
}

fn environment() -> BTreeMap<String, String> {
    all()
        .filter_map(|setting| Some((setting.name.to_owned(), std::env::var(setting.name).ok()?)))
        .collect()
}

fn environment_with(database_url: Option<&str>) -> BTreeMap<String, String> {
    let mut values = environment();
    if let Some(url) = database_url {
        values.insert("DATABASE_URL".to_owned(), url.to_owned());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn every_wrong_setting_is_named_and_no_value_is_shown() {
        let values = values(&[
            ("DATABASE_URL", "mysql://user:hunter2@host/db"),
            ("DATABASE_POOL_MAX", "many"),
            ("MIGRATE_ON_START", "perhaps"),
            ("ServiceBusConnection", "SharedAccessKey=hunter2"),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
        ]);
        let SettingsError(wrong) = Settings::from_values(&values).unwrap_err();
        for (name, wrong) in [
            "DATABASE_URL",
            "DATABASE_POOL_MAX",
            "MIGRATE_ON_START",
            "ServiceBusConnection",
        ]
        .into_iter()
        .zip(&wrong)
        {
            assert!(wrong.starts_with(name), "{wrong}");
        }
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        assert!(!wrong.concat().contains("hunter2"));
    }

    #[test]
    fn names_are_unique_and_what_is_read_is_what_is_listed() {
        let listed: Vec<_> = all().map(|setting| setting.name).collect();
        let unique: BTreeSet<_> = listed.iter().copied().collect();
        assert_eq!(listed.len(), unique.len());
        let values = BTreeMap::new();
        let mut source = Source::new(&values);
        let _ = Settings::read(&mut source, Reader::Handler);
        let of_host: BTreeSet<_> = host::GROUP.settings.iter().map(|setting| setting.name).collect();
        assert_eq!(source.asked, &unique - &of_host);
    }

    #[test]
    fn defaults_are_within_their_bounds_and_settings_say_what_they_are_for() {
        for setting in all() {
            if let Kind::Number { default, min, max } = setting.kind {
                assert!((min..=max).contains(&default), "{}", setting.name);
            }
            assert!(setting.about.ends_with('.'), "{}", setting.name);
            assert!(!setting.about.contains('|'), "{}: it stands in a table", setting.name);
        }
    }
}
