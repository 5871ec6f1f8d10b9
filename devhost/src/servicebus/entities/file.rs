//! The file's shape. A misspelt word would go unnoticed for long, so unknown ones are errors below the namespaces.

use serde::Deserialize;

use super::properties::{QueueProperties, SubscriptionProperties, TopicProperties};
use super::rule::RuleEntry;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct File {
    pub(super) user_config: UserConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserConfig {
    #[serde(default)]
    pub(super) namespaces: Vec<Namespace>,
}

/// Their names mean nothing: all entities are in one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Namespace {
    #[serde(default)]
    pub(super) queues: Vec<QueueEntry>,
    #[serde(default)]
    pub(super) topics: Vec<TopicEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct QueueEntry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: QueueProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TopicEntry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: TopicProperties,
    #[serde(default)]
    pub(super) subscriptions: Vec<SubscriptionEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SubscriptionEntry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: SubscriptionProperties,
    #[serde(default)]
    pub(super) rules: Vec<RuleEntry>,
}
