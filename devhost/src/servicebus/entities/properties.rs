//! The properties of entities, and Azure's limits for them.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use crate::servicebus::iso8601::parse_duration;
use crate::servicebus::options::QueueOptions;

/// From here on a time to live means "for ever": Azure writes the longest .NET `TimeSpan` for it.
const FOREVER: Duration = Duration::from_hours(10_675_199 * 24);
/// How long a lock may last.
const LOCKS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
/// How long message ids may be remembered.
const HISTORIES: RangeInclusive<Duration> = Duration::from_secs(20)..=Duration::from_hours(7 * 24);
/// How often a message may be delivered in vain.
const DELIVERIES: RangeInclusive<u32> = 1..=2_000;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct QueueProperties {
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

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct TopicProperties {
    default_message_time_to_live: Option<String>,
    requires_duplicate_detection: bool,
    duplicate_detection_history_time_window: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct SubscriptionProperties {
    lock_duration: Option<String>,
    max_delivery_count: Option<u32>,
    default_message_time_to_live: Option<String>,
    dead_lettering_on_message_expiration: bool,
    /// The emulator does not know it; Azure does, and it is on unless somebody says otherwise.
    dead_lettering_on_filter_evaluation_exceptions: Option<bool>,
    requires_session: bool,
    forward_to: String,
    forward_dead_lettered_messages_to: String,
}

impl QueueProperties {
    pub(super) fn options(self, entity: &str, problems: &mut Vec<String>) -> QueueOptions {
        let topic = TopicProperties {
            default_message_time_to_live: self.default_message_time_to_live.clone(),
            requires_duplicate_detection: self.requires_duplicate_detection,
            duplicate_detection_history_time_window: self.duplicate_detection_history_time_window,
        };
        let shared = topic.options(entity, problems);
        let subscription = SubscriptionProperties {
            lock_duration: self.lock_duration,
            max_delivery_count: self.max_delivery_count,
            default_message_time_to_live: None,
            dead_lettering_on_message_expiration: self.dead_lettering_on_message_expiration,
            dead_lettering_on_filter_evaluation_exceptions: None,
            requires_session: self.requires_session,
            forward_to: self.forward_to,
            forward_dead_lettered_messages_to: self.forward_dead_lettered_messages_to,
        };
        QueueOptions {
            default_time_to_live: shared.default_time_to_live,
            requires_duplicate_detection: shared.requires_duplicate_detection,
            duplicate_detection_history: shared.duplicate_detection_history,
            ..subscription.options(entity, problems)
        }
    }
}

impl TopicProperties {
    pub(super) fn options(self, entity: &str, problems: &mut Vec<String>) -> QueueOptions {
        let defaults = QueueOptions::default();
        QueueOptions {
            default_time_to_live: time_to_live(entity, self.default_message_time_to_live, problems),
            requires_duplicate_detection: self.requires_duplicate_detection,
            duplicate_detection_history: within(
                entity,
                "DuplicateDetectionHistoryTimeWindow",
                self.duplicate_detection_history_time_window,
                HISTORIES,
                problems,
            )
            .unwrap_or(defaults.duplicate_detection_history),
            ..defaults
        }
    }
}

impl SubscriptionProperties {
    pub(super) fn options(self, entity: &str, problems: &mut Vec<String>) -> QueueOptions {
        let defaults = QueueOptions::default();
        let max_delivery_count = self.max_delivery_count.unwrap_or(defaults.max_delivery_count);
        if !DELIVERIES.contains(&max_delivery_count) {
            problems.push(format!(
                "{entity}: MaxDeliveryCount {max_delivery_count} is not between {} and {}",
                DELIVERIES.start(),
                DELIVERIES.end()
            ));
        }
        let forward_to = target(self.forward_to);
        if self.requires_session && forward_to.is_some() {
            problems.push(format!(
                "{entity}: RequiresSession and ForwardTo exclude each other: what goes on is never received here"
            ));
        }
        QueueOptions {
            lock_duration: within(entity, "LockDuration", self.lock_duration, LOCKS, problems)
                .unwrap_or(defaults.lock_duration),
            max_delivery_count,
            default_time_to_live: time_to_live(entity, self.default_message_time_to_live, problems),
            dead_lettering_on_expiration: self.dead_lettering_on_message_expiration,
            dead_lettering_on_filter_errors: self
                .dead_lettering_on_filter_evaluation_exceptions
                .unwrap_or(defaults.dead_lettering_on_filter_errors),
            requires_session: self.requires_session,
            forward_to,
            forward_dead_letters_to: target(self.forward_dead_lettered_messages_to),
            ..defaults
        }
    }
}

/// An empty text is none.
fn target(name: String) -> Option<String> {
    (!name.is_empty()).then_some(name)
}

fn time_to_live(entity: &str, text: Option<String>, problems: &mut Vec<String>) -> Option<Duration> {
    duration(entity, "DefaultMessageTimeToLive", text, problems).filter(|duration| *duration < FOREVER)
}

fn within(
    entity: &str,
    property: &str,
    text: Option<String>,
    range: RangeInclusive<Duration>,
    problems: &mut Vec<String>,
) -> Option<Duration> {
    let written = text.clone().unwrap_or_default();
    let duration = duration(entity, property, text, problems)?;
    if !range.contains(&duration) {
        problems.push(format!(
            "{entity}: {property} '{written}' is not between {} and {} seconds",
            range.start().as_secs(),
            range.end().as_secs()
        ));
        return None;
    }
    Some(duration)
}

fn duration(entity: &str, property: &str, text: Option<String>, problems: &mut Vec<String>) -> Option<Duration> {
    let text = text?;
    let duration = parse_duration(&text).filter(|duration| *duration > Duration::ZERO);
    if duration.is_none() {
        problems.push(format!(
            "{entity}: {property} '{text}' is not an ISO 8601 duration such as PT1M"
        ));
    }
    duration
}
