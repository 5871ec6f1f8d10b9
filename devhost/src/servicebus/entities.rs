//! The configuration file: which entities there are. It has the shape of `Config.json` of Microsoft's Service Bus
//! emulator.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::error::BrokerError;
use super::iso8601::parse_duration;
use super::options::QueueOptions;
use super::path;

/// From here on a time to live means "for ever": Azure writes the longest .NET `TimeSpan` for it.
const FOREVER: Duration = Duration::from_hours(10_675_199 * 24);

/// The entities that a broker starts with; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entities {
    pub(super) queues: Vec<(String, QueueOptions)>,
    pub(super) topics: Vec<Topic>,
}

/// A topic and its subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) options: QueueOptions,
    pub(super) subscriptions: Vec<(String, QueueOptions)>,
}

impl Entities {
    /// Reads the file. What it asks for and this broker cannot do (sessions, forwarding, filters) is an error rather
    /// than a surprise later.
    pub fn from_file(path: &Path) -> Result<Self, BrokerError> {
        let config = |reason: String| BrokerError::Config {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| config(error.to_string()))?;
        Self::from_json(&text).map_err(config)
    }

    fn from_json(text: &str) -> Result<Self, String> {
        // Editors on Windows like to write a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut entities = Self::default();
        let mut names = HashSet::new();
        for namespace in file.user_config.namespaces {
            for queue in namespace.queues {
                check_name(&mut names, &queue.name, path::is_entity_name(&queue.name))?;
                let options = queue.properties.options(&queue.name)?;
                entities.queues.push((queue.name, options));
            }
            for topic in namespace.topics {
                check_name(&mut names, &topic.name, path::is_entity_name(&topic.name))?;
                let mut subscriptions = Vec::new();
                for subscription in topic.subscriptions {
                    let full = path::subscription(&topic.name, &subscription.name);
                    check_name(&mut names, &full, path::is_subscription_name(&subscription.name))?;
                    if !subscription.rules.is_empty() {
                        return Err(format!(
                            "{full}: rules are not supported yet; it would get every message"
                        ));
                    }
                    subscriptions.push((subscription.name, subscription.properties.options(&full)?));
                }
                let options = topic.properties.options(&topic.name)?;
                entities.topics.push(Topic {
                    name: topic.name,
                    options,
                    subscriptions,
                });
            }
        }
        Ok(entities)
    }
}

fn check_name(names: &mut HashSet<String>, name: &str, valid: bool) -> Result<(), String> {
    if !valid {
        return Err(format!("'{name}' cannot be the name of an entity"));
    }
    if !names.insert(name.to_lowercase()) {
        return Err(format!("'{name}' is there twice"));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    user_config: UserConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserConfig {
    #[serde(default)]
    namespaces: Vec<Namespace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Namespace {
    #[serde(default)]
    queues: Vec<QueueEntry>,
    #[serde(default)]
    topics: Vec<TopicEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueEntry {
    name: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TopicEntry {
    name: String,
    #[serde(default)]
    properties: Properties,
    #[serde(default)]
    subscriptions: Vec<SubscriptionEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubscriptionEntry {
    name: String,
    #[serde(default)]
    properties: Properties,
    #[serde(default)]
    rules: Vec<serde_json::Value>,
}

/// A misspelt property would go unnoticed for long: unknown ones are errors.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Properties {
    lock_duration: Option<String>,
    max_delivery_count: Option<u32>,
    default_message_time_to_live: Option<String>,
    requires_duplicate_detection: bool,
    duplicate_detection_history_time_window: Option<String>,
    dead_lettering_on_message_expiration: bool,
    requires_session: bool,
    forward_to: String,
    forward_dead_lettered_messages_to: String,
}

impl Properties {
    fn options(self, entity: &str) -> Result<QueueOptions, String> {
        for (asked, property) in [
            (self.requires_session, "RequiresSession"),
            (!self.forward_to.is_empty(), "ForwardTo"),
            (
                !self.forward_dead_lettered_messages_to.is_empty(),
                "ForwardDeadLetteredMessagesTo",
            ),
        ] {
            if asked {
                return Err(format!("{entity}: {property} is not supported yet"));
            }
        }
        if self.max_delivery_count == Some(0) {
            return Err(format!("{entity}: MaxDeliveryCount must be at least 1"));
        }
        let duration = |property: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => match parse_duration(&text) {
                Some(duration) if duration > Duration::ZERO => Ok(Some(duration)),
                _ => Err(format!(
                    "{entity}: {property} '{text}' is not an ISO 8601 duration such as PT1M"
                )),
            },
        };
        let defaults = QueueOptions::default();
        let time_to_live = duration("DefaultMessageTimeToLive", self.default_message_time_to_live)?;
        Ok(QueueOptions {
            lock_duration: duration("LockDuration", self.lock_duration)?.unwrap_or(defaults.lock_duration),
            max_delivery_count: self.max_delivery_count.unwrap_or(defaults.max_delivery_count),
            default_time_to_live: time_to_live.filter(|duration| *duration < FOREVER),
            requires_duplicate_detection: self.requires_duplicate_detection,
            duplicate_detection_history: duration(
                "DuplicateDetectionHistoryTimeWindow",
                self.duplicate_detection_history_time_window,
            )?
            .unwrap_or(defaults.duplicate_detection_history),
            dead_lettering_on_expiration: self.dead_lettering_on_message_expiration,
            ..defaults
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue_with(properties: &str) -> Result<Entities, String> {
        Entities::from_json(&format!(
            r#"{{"UserConfig": {{"Namespaces": [{{"Name": "n", "Queues": [{{"Name": "q", "Properties": {properties}}}]}}]}}}}"#
        ))
    }

    #[test]
    fn reads_queues_topics_and_subscriptions() {
        let text = r#"{"UserConfig": {"Namespaces": [{
            "Name": "sbemulatorns",
            "Queues": [{"Name": "orders", "Properties": {"LockDuration": "PT30S", "MaxDeliveryCount": 3,
                "DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S", "RequiresDuplicateDetection": true,
                "DuplicateDetectionHistoryTimeWindow": "PT20S", "RequiresSession": false, "ForwardTo": "",
                "ForwardDeadLetteredMessagesTo": "", "DeadLetteringOnMessageExpiration": true}}],
            "Topics": [{"Name": "events", "Subscriptions": [
                {"Name": "all", "Properties": {"DefaultMessageTimeToLive": "PT1H"}, "Rules": []}]}]
        }], "Logging": {"Type": "File"}}}"#;
        let entities = Entities::from_json(text).expect("a good file");
        let options = QueueOptions {
            lock_duration: Duration::from_secs(30),
            max_delivery_count: 3,
            requires_duplicate_detection: true,
            duplicate_detection_history: Duration::from_secs(20),
            dead_lettering_on_expiration: true,
            ..QueueOptions::default()
        };
        assert_eq!(entities.queues, [("orders".to_owned(), options)]);
        let hour = QueueOptions {
            default_time_to_live: Some(Duration::from_hours(1)),
            ..QueueOptions::default()
        };
        assert_eq!(entities.topics[0].subscriptions, [("all".to_owned(), hour)]);
    }

    #[test]
    fn says_what_is_wrong() {
        for (properties, reason) in [
            (r#"{"LockDuration": "1 minute"}"#, "LockDuration '1 minute'"),
            (r#"{"LockDuration": "PT0S"}"#, "LockDuration 'PT0S'"),
            (r#"{"MaxDeliveryCount": 0}"#, "MaxDeliveryCount"),
            (r#"{"RequiresSession": true}"#, "RequiresSession"),
            (r#"{"ForwardTo": "x"}"#, "ForwardTo"),
            (r#"{"LockDurations": "PT1M"}"#, "LockDurations"),
        ] {
            let error = queue_with(properties).expect_err(properties);
            assert!(error.contains(reason), "{error}");
        }
        let twice = r#"{"UserConfig": {"Namespaces": [{"Queues": [{"Name": "q"}, {"Name": "Q"}]}]}}"#;
        assert!(Entities::from_json(twice).expect_err("twice").contains("twice"));
    }
}
