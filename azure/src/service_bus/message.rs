//! What is sent.

use bytes::Bytes;
use fe2o3_amqp_types::messaging::{ApplicationProperties, Data, Header, Message, MessageAnnotations, Properties};
use fe2o3_amqp_types::primitives::{Binary, SimpleValue, Symbol, Timestamp};
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// The annotation that makes a message wait.
const SCHEDULED_ENQUEUE_TIME: &str = "x-opt-scheduled-enqueue-time";

/// A message to send.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutgoingMessage {
    /// At most 128 characters. Entities that detect duplicates drop a second message with the same id, so that a
    /// message may be sent again when its answer is not known.
    pub message_id: String,
    /// Messages of one session are received in order, where the entity has sessions.
    pub session_id: Option<String>,
    /// What the message is about.
    pub subject: Option<String>,
    /// Content type of the body; empty: none is sent.
    pub content_type: &'static str,
    /// The body, as a rule JSON.
    pub body: Bytes,
    /// When the message becomes available; `None`: at once. Azure keeps milliseconds.
    pub scheduled_enqueue_time: Option<OffsetDateTime>,
    /// More properties. Strings, numbers and truth values are sent as such, anything else as its JSON text.
    pub application_properties: Map<String, Value>,
}

impl OutgoingMessage {
    /// A JSON message without anything else.
    pub fn json(message_id: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            message_id: message_id.into(),
            session_id: None,
            subject: None,
            content_type: "application/json",
            body: body.into(),
            scheduled_enqueue_time: None,
            application_properties: Map::new(),
        }
    }

    /// The message in AMQP's terms. `durable` is for brokers that keep no others; Service Bus keeps all.
    pub(super) fn to_amqp(&self, durable: bool) -> Message<Data> {
        let mut properties = Properties::builder()
            .message_id(self.message_id.clone())
            .content_type(self.content_type)
            .build();
        properties.subject.clone_from(&self.subject);
        properties.group_id.clone_from(&self.session_id);
        let annotations = self.scheduled_enqueue_time.map(|at| {
            let milliseconds = (at.unix_timestamp_nanos() / 1_000_000) as i64;
            MessageAnnotations::builder()
                .insert(
                    Symbol::from(SCHEDULED_ENQUEUE_TIME),
                    Timestamp::from_milliseconds(milliseconds),
                )
                .build()
        });
        let application_properties = (!self.application_properties.is_empty()).then(|| {
            let entries = &self.application_properties;
            let insert = |builder: PropertiesBuilder, (name, value): (&String, &Value)| {
                builder.insert(name.clone(), simple_value(value))
            };
            entries.iter().fold(ApplicationProperties::builder(), insert).build()
        });
        Message::builder()
            .header(durable.then(|| Header::builder().durable(true).build()))
            .properties(properties)
            .message_annotations(annotations)
            .application_properties(application_properties)
            .data(Binary::from(self.body.to_vec()))
            .build()
    }
}

/// What collects application properties.
type PropertiesBuilder =
    fe2o3_amqp_types::messaging::map_builder::MapBuilder<String, SimpleValue, ApplicationProperties>;

fn simple_value(value: &Value) -> SimpleValue {
    match value {
        Value::Null => SimpleValue::Null,
        Value::Bool(value) => SimpleValue::Bool(*value),
        Value::String(text) => SimpleValue::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), _, _) => SimpleValue::Long(n),
            (None, Some(n), _) => SimpleValue::Ulong(n),
            (None, None, n) => SimpleValue::from(n.unwrap_or(f64::NAN)),
        },
        Value::Array(_) | Value::Object(_) => SimpleValue::String(value.to_string()),
    }
}
