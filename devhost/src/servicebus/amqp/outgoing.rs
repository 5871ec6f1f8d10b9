//! The broker's messages onto the wire, as Service Bus writes them.

use bytes::{Bytes, BytesMut};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::encode::encode;
use super::message::{APPLICATION_PROPERTIES, DATA, HEADER, MESSAGE_ANNOTATIONS, PROPERTIES};
use super::value::Value;
use crate::servicebus::message::never;
use crate::servicebus::{BrokerMessage, Delivery, MessageState, PeekedMessage};

/// What the broker knows of a message beyond what its sender said.
struct Facts<'a> {
    sequence_number: i64,
    /// Deliveries before this one.
    delivery_count: u32,
    enqueued_time: OffsetDateTime,
    expires_at: OffsetDateTime,
    locked_until: Option<OffsetDateTime>,
    dead_letter_source: Option<&'a str>,
    dead_letter_reason: Option<&'a str>,
    dead_letter_description: Option<&'a str>,
    state: MessageState,
}

/// A message for a receiver. `locked`: whether it has a lock of its own.
pub(super) fn delivered(delivery: &Delivery, locked: bool) -> Bytes {
    let facts = Facts {
        sequence_number: delivery.sequence_number,
        delivery_count: delivery.delivery_count.saturating_sub(1),
        enqueued_time: delivery.enqueued_time,
        expires_at: delivery.expires_at,
        locked_until: locked.then_some(delivery.locked_until),
        dead_letter_source: delivery.dead_letter_source.as_deref(),
        dead_letter_reason: delivery.dead_letter_reason.as_deref(),
        dead_letter_description: delivery.dead_letter_error_description.as_deref(),
        state: MessageState::Active,
    };
    message(&delivery.message, &facts)
}

/// A message that is only looked at.
pub(super) fn peeked(state: MessageState, peeked: &PeekedMessage) -> Bytes {
    let facts = Facts {
        sequence_number: peeked.sequence_number,
        delivery_count: peeked.delivery_count,
        enqueued_time: peeked.enqueued_time,
        expires_at: peeked.expires_at,
        locked_until: peeked.locked_until,
        dead_letter_source: peeked.dead_letter_source.as_deref(),
        dead_letter_reason: peeked.dead_letter_reason.as_deref(),
        dead_letter_description: peeked.dead_letter_error_description.as_deref(),
        state,
    };
    message(&peeked.message, &facts)
}

fn message(message: &BrokerMessage, facts: &Facts<'_>) -> Bytes {
    let mut out = BytesMut::with_capacity(message.body.len() + 1_024);
    for (code, section) in [
        (HEADER, header(message, facts)),
        (MESSAGE_ANNOTATIONS, annotations(message, facts)),
        (PROPERTIES, properties(message, facts)),
        (APPLICATION_PROPERTIES, application_properties(message, facts)),
        (DATA, Value::Binary(message.body.clone())),
    ] {
        encode(&Value::Described(Box::new((Value::Ulong(code), section))), &mut out);
    }
    out.freeze()
}

fn header(message: &BrokerMessage, facts: &Facts<'_>) -> Value {
    let time_to_live = message.time_to_live.map_or(Value::Null, |duration| {
        Value::Uint(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    });
    Value::List(vec![
        Value::Bool(true),
        Value::Null,
        time_to_live,
        Value::Null,
        Value::Uint(facts.delivery_count),
    ])
}

fn annotations(message: &BrokerMessage, facts: &Facts<'_>) -> Value {
    let state = match facts.state {
        MessageState::Active | MessageState::DeadLettered => 0,
        MessageState::Deferred => 1,
        MessageState::Scheduled => 2,
    };
    let entries = [
        ("x-opt-enqueued-time", Some(timestamp(facts.enqueued_time))),
        ("x-opt-sequence-number", Some(Value::Long(facts.sequence_number))),
        ("x-opt-enqueue-sequence-number", Some(Value::Long(0))),
        ("x-opt-message-state", Some(Value::Int(state))),
        ("x-opt-locked-until", facts.locked_until.map(timestamp)),
        (
            "x-opt-partition-key",
            message.partition_key.as_deref().map(Value::string),
        ),
        (
            "x-opt-scheduled-enqueue-time",
            message.scheduled_enqueue_time.map(timestamp),
        ),
        ("x-opt-deadletter-source", facts.dead_letter_source.map(Value::string)),
    ];
    let named = entries
        .into_iter()
        .filter_map(|(name, value)| Some((Value::symbol(name), value?)));
    Value::Map(named.collect())
}

fn properties(message: &BrokerMessage, facts: &Facts<'_>) -> Value {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::string);
    let (expiry, created) = if facts.expires_at >= never() {
        (Value::Null, Value::Null)
    } else {
        (timestamp(facts.expires_at), timestamp(facts.enqueued_time))
    };
    Value::List(vec![
        Value::string(&message.message_id),
        Value::Null,
        text(&message.to),
        text(&message.subject),
        text(&message.reply_to),
        text(&message.correlation_id),
        message.content_type.as_deref().map_or(Value::Null, Value::symbol),
        Value::Null,
        expiry,
        created,
        text(&message.session_id),
        Value::Null,
        text(&message.reply_to_session_id),
    ])
}

fn application_properties(message: &BrokerMessage, facts: &Facts<'_>) -> Value {
    let mut properties = message.application_properties.clone();
    for (name, value) in [
        ("DeadLetterReason", facts.dead_letter_reason),
        ("DeadLetterErrorDescription", facts.dead_letter_description),
    ] {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value.into());
        }
    }
    let entries = properties
        .iter()
        .map(|(name, value)| (Value::string(name), from_json(value)));
    Value::Map(entries.collect())
}

/// A property as it is kept. Service Bus has no lists and maps among them: they are JSON texts.
pub(super) fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Value::Long(n),
            (None, Some(n)) => Value::Ulong(n),
            (None, None) => Value::Double(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::string(text),
        other => Value::String(other.to_string()),
    }
}

pub(super) fn timestamp(time: OffsetDateTime) -> Value {
    Value::Timestamp((time.unix_timestamp_nanos() / 1_000_000) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servicebus::amqp::message::broker_messages;
    use serde_json::json;
    use std::time::Duration;
    use time::macros::datetime;

    #[test]
    fn what_was_sent_is_what_comes() {
        let sent = BrokerMessage {
            message_id: "m".to_owned(),
            body: "body".into(),
            content_type: Some("text/plain".to_owned()),
            correlation_id: Some("c".to_owned()),
            subject: Some("s".to_owned()),
            to: Some("t".to_owned()),
            reply_to: Some("r".to_owned()),
            reply_to_session_id: Some("rs".to_owned()),
            session_id: Some("id".to_owned()),
            partition_key: Some("p".to_owned()),
            application_properties: json!({"n": -3, "u": u64::MAX, "half": 0.5, "no": null, "yes": true})
                .as_object()
                .cloned()
                .unwrap_or_default(),
            time_to_live: Some(Duration::from_secs(5)),
            scheduled_enqueue_time: None,
        };
        let delivery = Delivery {
            message: sent.clone(),
            sequence_number: 7,
            delivery_count: 3,
            lock_token: uuid::Uuid::new_v4(),
            enqueued_time: datetime!(2030-01-01 0:00 UTC),
            expires_at: datetime!(2030-01-01 0:00:05 UTC),
            locked_until: datetime!(2030-01-01 0:01 UTC),
            dead_letter_source: None,
            dead_letter_reason: None,
            dead_letter_error_description: None,
        };
        let received = broker_messages(delivered(&delivery, true), 0).expect("it can be read");
        assert_eq!(received, [sent]);
    }
}
