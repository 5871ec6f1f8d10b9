//! Settings: from the environment, all checked at once, before anything is started.

use inventory_azure::ConnectionString;
use std::{collections::BTreeMap, time::Duration};

/// Every setting that the program reads, except those that the Functions host itself uses (`LOW_STOCK_SCHEDULE`, …).
pub const NAMES: &[&str] = &[
    "BODY_BYTES_MAX",
    "DATABASE_ACQUIRE_TIMEOUT_SECONDS",
    "DATABASE_POOL_MAX",
    "DATABASE_STATEMENT_TIMEOUT_SECONDS",
    "DATABASE_URL",
    "ENVIRONMENT",
    "IDEMPOTENCY_RETENTION_HOURS",
    "LOG_LEVEL",
    "LOW_STOCK_SCHEDULE",
    "MIGRATE_ON_START",
    "ORDERS_RETRY_SECONDS_MAX",
    "OUTBOX_RETENTION_DAYS",
    "REQUEST_TIMEOUT_SECONDS",
    "ServiceBusConnection",
];

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to connect to the database.
    pub database: inventory_store::Options,
    /// How to connect to Service Bus; `None` only for command-line tools, which leave sending to the handler.
    pub service_bus: Option<ConnectionString>,
    /// Whether to bring the schema up to date before anything else.
    pub migrate_on_start: bool,
    /// `local`, `dev`, `production`, …: for logs.
    pub environment: String,
    /// Log filter (`info`, `inventory=debug`, …).
    pub log_level: String,
    /// Bytes that an HTTP request body may have.
    pub body_bytes_max: usize,
    /// How long an HTTP request may take.
    pub request_timeout: Duration,
    /// How long a batch of orders is retried while the database is away; must stay below the queue's lock duration.
    pub orders_retry_max: Duration,
    /// How long delivered events are kept, in days.
    pub outbox_retention_days: i64,
    /// How long replies are kept with their idempotency keys, in hours.
    pub idempotency_retention_hours: i64,
}

/// Everything that is wrong with the settings. Never shows a value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the settings are not valid:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

struct Source<'a> {
    values: &'a BTreeMap<String, String>,
    wrong: Vec<String>,
}

impl Source<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn number(&mut self, name: &str, default: u32, min: u32, max: u32) -> u32 {
        let Some(text) = self.text(name) else { return default };
        match text.parse::<u32>() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.wrong
                    .push(format!("{name} must be a whole number from {min} to {max}"));
                default
            }
        }
    }

    fn seconds(&mut self, name: &str, default: u32, max: u32) -> Duration {
        Duration::from_secs(u64::from(self.number(name, default, 1, max)))
    }

    fn flag(&mut self, name: &str, default: bool) -> bool {
        let Some(text) = self.text(name) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                self.wrong.push(format!("{name} must be true or false"));
                default
            }
        }
    }
}

impl Settings {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_values(&environment())
    }

    /// The settings of a command-line tool: the database is `database_url`, else the environment's; nothing is sent.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn for_cli(database_url: Option<&str>) -> Result<Self, SettingsError> {
        let mut values = environment();
        if let Some(url) = database_url {
            values.insert("DATABASE_URL".to_owned(), url.to_owned());
        }
        Self::read(&values, false)
    }

    /// Reads settings from a map, as [`Settings::from_env`] does from the environment.
    ///
    /// # Errors
    /// Names every setting that is missing or wrong.
    pub fn from_values(values: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        Self::read(values, true)
    }

    fn read(values: &BTreeMap<String, String>, needs_service_bus: bool) -> Result<Self, SettingsError> {
        let mut source = Source {
            values,
            wrong: Vec::new(),
        };
        let url = source.text("DATABASE_URL").unwrap_or_default().to_owned();
        let known = ["postgres://", "postgresql://", "sqlite:"];
        if url.is_empty() {
            source
                .wrong
                .push("DATABASE_URL is missing (sqlite:PATH or postgres://…)".to_owned());
        } else if !known.iter().any(|scheme| url.starts_with(scheme)) {
            source
                .wrong
                .push("DATABASE_URL must start with sqlite: or postgres://".to_owned());
        }
        let database = inventory_store::Options {
            url,
            connections_max: source.number("DATABASE_POOL_MAX", 30, 1, 1_000),
            acquire_timeout: source.seconds("DATABASE_ACQUIRE_TIMEOUT_SECONDS", 5, 300),
            statement_timeout: source.seconds("DATABASE_STATEMENT_TIMEOUT_SECONDS", 30, 600),
        };
        let service_bus = match source.text("ServiceBusConnection").map(str::parse::<ConnectionString>) {
            Some(Ok(connection)) => Some(connection),
            Some(Err(error)) => {
                source.wrong.push(format!("ServiceBusConnection: {error}"));
                None
            }
            None if needs_service_bus => {
                source
                    .wrong
                    .push("ServiceBusConnection is missing (a Service Bus connection string)".to_owned());
                None
            }
            None => None,
        };
        let settings = Self {
            database,
            service_bus: service_bus.filter(|_| needs_service_bus),
            migrate_on_start: source.flag("MIGRATE_ON_START", false),
            environment: source.text("ENVIRONMENT").unwrap_or("local").to_owned(),
            log_level: source.text("LOG_LEVEL").unwrap_or("info").to_owned(),
            body_bytes_max: source.number("BODY_BYTES_MAX", 262_144, 1_024, 104_857_600) as usize,
            request_timeout: source.seconds("REQUEST_TIMEOUT_SECONDS", 30, 230),
            orders_retry_max: source.seconds("ORDERS_RETRY_SECONDS_MAX", 40, 290),
            outbox_retention_days: i64::from(source.number("OUTBOX_RETENTION_DAYS", 7, 1, 3_650)),
            idempotency_retention_hours: i64::from(source.number("IDEMPOTENCY_RETENTION_HOURS", 24, 1, 8_760)),
        };
        if source.wrong.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(source.wrong))
        }
    }
}

fn environment() -> BTreeMap<String, String> {
    NAMES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ]);
        let SettingsError(wrong) = Settings::from_values(&values).unwrap_err();
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        assert!(!wrong.concat().contains("hunter2"));
    }

    #[test]
    fn names_are_sorted_and_known() {
        assert!(NAMES.is_sorted_by_key(|name| name.to_ascii_lowercase()));
    }
}
