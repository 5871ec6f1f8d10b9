//! Messages: as they are sent, as they are stored, as they are delivered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

/// A message as its sender made it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerMessage {
    /// At most 128 characters. Empty: the broker assigns one.
    pub message_id: String,
    /// The payload.
    pub body: Bytes,
    /// RFC 2045 content type of the body.
    pub content_type: Option<String>,
    /// Links the message to another.
    pub correlation_id: Option<String>,
    /// What the message is about; older SDKs call it label.
    pub subject: Option<String>,
    /// Address of the receiver, for the application's own use.
    pub to: Option<String>,
    /// Where an answer should go.
    pub reply_to: Option<String>,
    /// The session an answer should go to.
    pub reply_to_session_id: Option<String>,
    /// The session of the message.
    pub session_id: Option<String>,
    /// The partition key, for the application's own use: there are no partitions here.
    pub partition_key: Option<String>,
    /// The sender's own properties.
    pub application_properties: Map<String, Value>,
    /// How long the message lives once it is available; the entity's own limit may be shorter.
    pub time_to_live: Option<Duration>,
    /// When the message becomes available; `None` or past: at once.
    pub scheduled_enqueue_time: Option<OffsetDateTime>,
}

/// A message in a receiver's hands, locked until [`Delivery::locked_until`].
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The message.
    pub message: BrokerMessage,
    /// Grows with every message of the file; the order of delivery.
    pub sequence_number: i64,
    /// How often the message has been delivered, this time included: 1 on the first delivery.
    pub delivery_count: u32,
    /// What settles the message.
    pub lock_token: Uuid,
    /// When the message became available.
    pub enqueued_time: OffsetDateTime,
    /// When the message expires; the last second of the year 9999 stands for never.
    pub expires_at: OffsetDateTime,
    /// When the lock runs out, if it is not renewed.
    pub locked_until: OffsetDateTime,
    /// The entity a message was forwarded from after it was dead-lettered. As in Azure it stays empty for a message
    /// that is read from the dead-letter queue itself.
    pub dead_letter_source: Option<String>,
    /// Why the message was dead-lettered.
    pub dead_letter_reason: Option<String>,
    /// More about why the message was dead-lettered.
    pub dead_letter_error_description: Option<String>,
}

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// Available, or with a receiver.
    Active,
    /// Waiting for its time.
    Scheduled,
    /// Put aside by a receiver.
    Deferred,
    /// In the dead-letter queue.
    DeadLettered,
}

/// A receiver's hold on a session: its messages, those that come later too, are for this receiver alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLock {
    /// The session.
    pub id: Arc<str>,
    /// What proves the hold.
    pub token: Uuid,
    /// When the hold runs out, if it is not renewed.
    pub locked_until: OffsetDateTime,
}

/// A look at messages that changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Peeked {
    /// How many messages are in that state.
    pub total: u64,
    /// Those that were asked for.
    pub messages: Vec<PeekedMessage>,
}

/// A message as it lies there.
#[derive(Debug, Clone, PartialEq)]
pub struct PeekedMessage {
    /// The message; its body may have been cut, see [`Self::body_bytes`]. Of a scheduled message with its time.
    pub message: BrokerMessage,
    /// How long the body is, in bytes.
    pub body_bytes: u64,
    /// Grows with every message of the file.
    pub sequence_number: i64,
    /// Deliveries that have ended without completion.
    pub delivery_count: u32,
    /// When the message became available; of a scheduled message: when it will.
    pub enqueued_time: OffsetDateTime,
    /// When the message expires; the last second of the year 9999 stands for never.
    pub expires_at: OffsetDateTime,
    /// Until when a receiver holds it.
    pub locked_until: Option<OffsetDateTime>,
    /// The entity a message was forwarded from after it was dead-lettered.
    pub dead_letter_source: Option<String>,
    /// Why the message was dead-lettered.
    pub dead_letter_reason: Option<String>,
    /// More about why the message was dead-lettered.
    pub dead_letter_error_description: Option<String>,
}

/// Why and where a message was dead-lettered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeadLetter {
    /// The entity that a dead letter was forwarded from.
    pub(super) source: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) description: Option<String>,
}

impl DeadLetter {
    pub(super) fn because(&mut self, reason: &str, description: &str) {
        self.reason = Some(reason.to_owned());
        self.description = Some(description.to_owned());
    }
}

/// A message as the engine takes it: checked, and with all but the hot columns encoded by its sender's task, so that
/// the engine's one thread does not have to.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) message_id: String,
    pub(super) body: Bytes,
    /// [`StoredText`] as JSON.
    pub(super) properties: String,
    pub(super) time_to_live: Option<Duration>,
    pub(super) session_id: Option<String>,
    /// Microseconds since the Unix epoch.
    pub(super) scheduled_at: Option<i64>,
    /// How often it has been forwarded.
    pub(super) hops: u32,
    /// Set once it has been dead-lettered.
    pub(super) dead_letter: DeadLetter,
}

impl Envelope {
    /// Body and properties in bytes: what the entity's limit is about.
    pub(super) fn size(&self) -> usize {
        self.message_id.len() + self.body.len() + self.properties.len()
    }

    /// The message again.
    pub(super) fn message(&self) -> BrokerMessage {
        restore(self.message_id.clone(), self.body.clone(), &self.properties)
    }
}

/// What of a message is stored as one JSON text.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredText {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    application_properties: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to_live: Option<Duration>,
}

impl From<BrokerMessage> for Envelope {
    fn from(message: BrokerMessage) -> Self {
        let message_id = if message.message_id.is_empty() {
            Uuid::new_v4().simple().to_string()
        } else {
            message.message_id
        };
        let session_id = message.session_id.clone();
        let properties = StoredText {
            content_type: message.content_type,
            correlation_id: message.correlation_id,
            subject: message.subject,
            to: message.to,
            reply_to: message.reply_to,
            reply_to_session_id: message.reply_to_session_id,
            session_id: message.session_id,
            partition_key: message.partition_key,
            application_properties: message.application_properties,
            time_to_live: message.time_to_live,
        };
        Self {
            message_id,
            body: message.body,
            // Strings, JSON values and a duration cannot fail to serialise.
            properties: serde_json::to_string(&properties).unwrap_or_default(),
            time_to_live: message.time_to_live,
            session_id,
            scheduled_at: message.scheduled_enqueue_time.map(to_micros),
            hops: 0,
            dead_letter: DeadLetter::default(),
        }
    }
}

/// The stored properties of a message, with some of its own set anew.
pub(super) fn with_changes(properties: &str, changes: &Map<String, Value>) -> String {
    let mut properties: StoredText = serde_json::from_str(properties).unwrap_or_default();
    properties.application_properties.extend(changes.clone());
    serde_json::to_string(&properties).unwrap_or_default()
}

/// Puts a stored message together again.
pub(super) fn restore(message_id: String, body: Bytes, properties: &str) -> BrokerMessage {
    // Written by `Envelope::from`; a row that somebody edited by hand still delivers its body.
    let properties: StoredText = serde_json::from_str(properties).unwrap_or_default();
    BrokerMessage {
        message_id,
        body,
        content_type: properties.content_type,
        correlation_id: properties.correlation_id,
        subject: properties.subject,
        to: properties.to,
        reply_to: properties.reply_to,
        reply_to_session_id: properties.reply_to_session_id,
        session_id: properties.session_id,
        partition_key: properties.partition_key,
        application_properties: properties.application_properties,
        time_to_live: properties.time_to_live,
        scheduled_enqueue_time: None,
    }
}

/// Microseconds since the Unix epoch: the unit of time in the engine and in the file.
pub(super) fn to_micros(time: OffsetDateTime) -> i64 {
    // The years -9999 to 9999 fit into 59 bits of microseconds.
    (time.unix_timestamp_nanos() / 1_000) as i64
}

/// The time of [`to_micros`]; what is out of range becomes "never".
pub(super) fn from_micros(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or_else(|_| never())
}

/// The last second of the year 9999, which Service Bus SDKs take for "never".
pub(super) fn never() -> OffsetDateTime {
    time::macros::datetime!(9999-12-31 23:59:59 UTC)
}

/// `from` plus `duration`, at most [`never()`].
pub(super) fn later(from: i64, duration: Duration) -> i64 {
    let duration = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    from.saturating_add(duration).min(to_micros(never()))
}
