//! What an entity is told when it is made, and what it tells about itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rules::Rule;

/// How a queue, topic or subscription behaves. The defaults are those of Azure Service Bus.
///
/// For a topic only duplicate detection, time to live and message size mean something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueOptions {
    /// How long a receiver holds a message before it is offered again.
    pub lock_duration: Duration,
    /// After so many deliveries without completion a message goes to the dead-letter queue.
    pub max_delivery_count: u32,
    /// The longest any message lives; `None`: for ever. A message may ask for less.
    pub default_time_to_live: Option<Duration>,
    /// Whether a message id seen within [`Self::duplicate_detection_history`] is accepted and dropped.
    pub requires_duplicate_detection: bool,
    /// How long message ids are remembered.
    pub duplicate_detection_history: Duration,
    /// Whether expired messages go to the dead-letter queue rather than nowhere.
    pub dead_lettering_on_expiration: bool,
    /// Of a subscription: whether a message that a filter cannot be evaluated for goes to the dead-letter queue rather
    /// than nowhere.
    pub dead_lettering_on_filter_errors: bool,
    /// Whether every message has a session id, and the messages of a session come in order, to one receiver at a time.
    pub requires_session: bool,
    /// The queue or topic that messages go on to instead of staying.
    pub forward_to: Option<String>,
    /// The queue or topic that dead letters go to instead of the dead-letter queue.
    pub forward_dead_letters_to: Option<String>,
    /// Of a subscription: which messages it takes; without any rule all of them. A message that several rules without an
    /// action take comes once; each rule with an action makes a copy of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Of a subscription: whether its last rule was taken away, so that it takes no message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub takes_nothing: bool,
    /// The largest message (body and properties), in bytes.
    pub max_message_bytes: usize,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            lock_duration: Duration::from_mins(1),
            max_delivery_count: 10,
            default_time_to_live: None,
            requires_duplicate_detection: false,
            duplicate_detection_history: Duration::from_mins(10),
            dead_lettering_on_expiration: false,
            dead_lettering_on_filter_errors: true,
            requires_session: false,
            forward_to: None,
            forward_dead_letters_to: None,
            rules: Vec::new(),
            takes_nothing: false,
            max_message_bytes: 1024 * 1024,
        }
    }
}

impl QueueOptions {
    /// The rules of a subscription, the one that every subscription begins with included.
    pub(super) fn effective_rules(&self) -> Vec<Rule> {
        if self.rules.is_empty() && !self.takes_nothing {
            vec![Rule::everything()]
        } else {
            self.rules.clone()
        }
    }
}

/// How many messages an entity holds. A topic's numbers are the sums over its subscriptions, plus what is scheduled on
/// the topic itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EntityCounts {
    /// Ready or locked.
    pub active: u64,
    /// Waiting for their time.
    pub scheduled: u64,
    /// Put aside by a receiver.
    pub deferred: u64,
    /// In the dead-letter queue.
    pub dead_lettered: u64,
}
