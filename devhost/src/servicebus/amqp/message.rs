//! AMQP messages: from the wire into the broker's terms, and replies onto the wire (part 3 of the specification).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Map;
use time::OffsetDateTime;

use super::decode::{DecodeError, decode};
use super::encode::encode;
use super::json::to_json;
use super::value::{Value, field};
use crate::servicebus::BrokerMessage;

/// Service Bus's format of a transfer that carries several messages, each encoded in a data section.
pub(super) const BATCH_FORMAT: u32 = 0x8001_3700;

pub(super) const HEADER: u64 = 0x70;
pub(super) const MESSAGE_ANNOTATIONS: u64 = 0x72;
pub(super) const PROPERTIES: u64 = 0x73;
pub(super) const APPLICATION_PROPERTIES: u64 = 0x74;
pub(super) const DATA: u64 = 0x75;
const SEQUENCE: u64 = 0x76;
const VALUE: u64 = 0x77;

/// The sections of one message.
#[derive(Debug, Default)]
pub(super) struct Message {
    header: Vec<Value>,
    annotations: Option<Value>,
    properties: Vec<Value>,
    application_properties: Option<Value>,
    data: Vec<Bytes>,
    sequences: Vec<Value>,
    pub(super) value: Option<Value>,
}

impl Message {
    pub(super) fn decode(mut bytes: Bytes) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        while !bytes.is_empty() {
            let Value::Described(section) = decode(&mut bytes)? else {
                return Err(DecodeError::Invalid);
            };
            match *section {
                (Value::Ulong(HEADER), Value::List(fields)) => message.header = fields,
                (Value::Ulong(MESSAGE_ANNOTATIONS), map) => message.annotations = Some(map),
                (Value::Ulong(PROPERTIES), Value::List(fields)) => message.properties = fields,
                (Value::Ulong(APPLICATION_PROPERTIES), map) => message.application_properties = Some(map),
                (Value::Ulong(DATA), Value::Binary(data)) => message.data.push(data),
                (Value::Ulong(SEQUENCE), list) => message.sequences.push(list),
                (Value::Ulong(VALUE), value) => message.value = Some(value),
                // Delivery annotations and footers mean nothing here.
                (Value::Ulong(_), _) => {}
                _ => return Err(DecodeError::Invalid),
            }
        }
        Ok(message)
    }

    /// As it was sent, to be repeated in the answer.
    pub(super) fn message_id(&self) -> &Value {
        field(&self.properties, 0)
    }

    pub(super) fn reply_to(&self) -> Option<&str> {
        field(&self.properties, 4).as_str()
    }

    pub(super) fn application_property(&self, name: &str) -> Option<&Value> {
        self.application_properties.as_ref()?.get(name)
    }

    fn annotation(&self, name: &str) -> Option<&Value> {
        self.annotations.as_ref()?.get(name)
    }

    /// How long the message may live: what the header says, else what is left until its absolute expiry.
    fn time_to_live(&self) -> Option<Duration> {
        if let Some(milliseconds) = field(&self.header, 2).as_u64() {
            return Some(Duration::from_millis(milliseconds));
        }
        let Value::Timestamp(expiry) = field(&self.properties, 8) else {
            return None;
        };
        let created = match field(&self.properties, 9) {
            Value::Timestamp(created) => *created,
            _ => (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64,
        };
        Some(Duration::from_millis(expiry.saturating_sub(created).max(0) as u64))
    }

    /// The body as bytes: data as it is, text as UTF-8, anything else as JSON.
    fn body(&mut self) -> Bytes {
        if self.data.len() == 1 {
            return self.data.swap_remove(0);
        }
        if !self.data.is_empty() {
            return self.data.concat().into();
        }
        match self.value.take() {
            Some(Value::Binary(bytes)) => bytes,
            Some(Value::String(text) | Value::Symbol(text)) => text.into(),
            Some(value) => to_json(&value).to_string().into(),
            None if self.sequences.is_empty() => Bytes::new(),
            None => {
                let items: Vec<_> = self
                    .sequences
                    .iter()
                    .filter_map(Value::as_list)
                    .flatten()
                    .map(to_json)
                    .collect();
                serde_json::Value::from(items).to_string().into()
            }
        }
    }

    pub(super) fn into_broker_message(mut self) -> BrokerMessage {
        let text = |index| field(&self.properties, index).as_str().map(ToOwned::to_owned);
        let annotation = |name| self.annotation(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let scheduled_enqueue_time = match self.annotation("x-opt-scheduled-enqueue-time") {
            Some(Value::Timestamp(at)) => OffsetDateTime::from_unix_timestamp_nanos(i128::from(*at) * 1_000_000).ok(),
            _ => None,
        };
        let mut application_properties = Map::new();
        if let Some(Value::Map(entries)) = &self.application_properties {
            for (name, value) in entries {
                if let Some(name) = name.as_str() {
                    application_properties.insert(name.to_owned(), to_json(value));
                }
            }
        }
        BrokerMessage {
            message_id: self.message_id().to_id().unwrap_or_default(),
            to: text(2),
            subject: text(3),
            reply_to: text(4),
            correlation_id: field(&self.properties, 5).to_id(),
            content_type: text(6),
            session_id: text(10),
            reply_to_session_id: text(12),
            partition_key: annotation("x-opt-partition-key"),
            application_properties,
            time_to_live: self.time_to_live(),
            scheduled_enqueue_time,
            body: self.body(),
        }
    }
}

/// The messages of one transfer.
pub(super) fn broker_messages(payload: Bytes, format: u32) -> Result<Vec<BrokerMessage>, DecodeError> {
    let message = Message::decode(payload)?;
    if format != BATCH_FORMAT {
        return Ok(vec![message.into_broker_message()]);
    }
    message
        .data
        .into_iter()
        .map(|data| Message::decode(data).map(Message::into_broker_message))
        .collect()
}

/// A reply to a request: its properties, and a value as its body.
pub(super) fn reply(correlation_id: Value, application_properties: Vec<(&str, Value)>, body: Value) -> Bytes {
    let mut properties = vec![Value::Null; 6];
    properties[5] = correlation_id;
    let application_properties = application_properties
        .into_iter()
        .map(|(name, value)| (Value::string(name), value))
        .collect();
    let mut out = BytesMut::new();
    encode(&Value::composite(PROPERTIES, properties), &mut out);
    for (code, section) in [
        (APPLICATION_PROPERTIES, Value::Map(application_properties)),
        (VALUE, body),
    ] {
        encode(&Value::Described(Box::new((Value::Ulong(code), section))), &mut out);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn section(code: u64, value: Value) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode(&Value::Described(Box::new((Value::Ulong(code), value))), &mut out);
        out.to_vec()
    }

    fn sample(id: &str) -> Vec<u8> {
        let mut properties = vec![Value::Null; 13];
        properties[0] = Value::string(id);
        properties[3] = Value::string("subject");
        properties[6] = Value::symbol("application/json");
        properties[10] = Value::string("session");
        [
            section(
                HEADER,
                Value::List(vec![Value::Bool(true), Value::Null, Value::Uint(5_000)]),
            ),
            section(
                MESSAGE_ANNOTATIONS,
                Value::Map(vec![
                    (
                        Value::symbol("x-opt-scheduled-enqueue-time"),
                        Value::Timestamp(1_700_000_000_000),
                    ),
                    (Value::symbol("x-opt-partition-key"), Value::string("p")),
                ]),
            ),
            section(PROPERTIES, Value::List(properties)),
            section(
                APPLICATION_PROPERTIES,
                Value::Map(vec![(Value::string("n"), Value::Int(-3))]),
            ),
            section(DATA, Value::Binary(Bytes::from_static(b"{}"))),
        ]
        .concat()
    }

    #[test]
    fn sections_become_a_message() {
        let messages = broker_messages(sample("m").into(), 0).expect("valid");
        let message = &messages[0];
        assert_eq!(message.message_id, "m");
        assert_eq!(message.subject.as_deref(), Some("subject"));
        assert_eq!(message.content_type.as_deref(), Some("application/json"));
        assert_eq!(message.session_id.as_deref(), Some("session"));
        assert_eq!(message.partition_key.as_deref(), Some("p"));
        assert_eq!(message.time_to_live, Some(Duration::from_secs(5)));
        assert_eq!(
            message.scheduled_enqueue_time.map(OffsetDateTime::unix_timestamp),
            Some(1_700_000_000)
        );
        assert_eq!(message.application_properties["n"], -3);
        assert_eq!(&message.body[..], b"{}");
    }

    #[test]
    fn a_batch_is_several_messages() {
        let batch: Vec<u8> = ["a", "b"]
            .iter()
            .flat_map(|id| section(DATA, Value::Binary(sample(id).into())))
            .collect();
        let messages = broker_messages(batch.into(), BATCH_FORMAT).expect("valid");
        let ids: Vec<_> = messages.iter().map(|message| message.message_id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    proptest! {
        /// A message with some bytes changed, or cut off, is a message or an error; alone and as one of a batch.
        #[test]
        fn a_broken_message_is_answered(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            end in any::<prop::sample::Index>(),
        ) {
            for (mut bytes, format) in [
                (sample("m"), 0),
                (section(DATA, Value::Binary(sample("a").into())), BATCH_FORMAT),
            ] {
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                let cut = end.index(bytes.len());
                let _ = broker_messages(bytes.clone().into(), format);
                let _ = broker_messages(bytes[..cut].to_vec().into(), format);
            }
        }
    }

    #[test]
    fn bodies_other_than_data() {
        for (body, expected) in [
            (section(VALUE, Value::string("text")), "text"),
            (
                section(VALUE, Value::Map(vec![(Value::string("k"), Value::Bool(true))])),
                r#"{"k":true}"#,
            ),
            (
                section(SEQUENCE, Value::List(vec![Value::Int(1), Value::Null])),
                "[1,null]",
            ),
        ] {
            let messages = broker_messages(body.into(), 0).expect("valid");
            assert_eq!(messages[0].body, expected);
        }
    }
}
