//! What of a message a rule can name.

use serde_json::{Number, Value as Json};

use super::ast::Value;
use crate::servicebus::BrokerMessage;

/// A property of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Property {
    /// `sys.…`
    System(SystemProperty),
    /// `user.…`, or without a scope: the sender's own.
    User(String),
}

/// The properties that Service Bus itself knows. All of them are texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SystemProperty {
    ContentType,
    CorrelationId,
    MessageId,
    PartitionKey,
    ReplyTo,
    ReplyToSessionId,
    SessionId,
    /// Older SDKs call it label.
    Subject,
    To,
}

impl SystemProperty {
    /// Names do not differ by case.
    pub(super) fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, SystemProperty); 10] = [
            ("ContentType", SystemProperty::ContentType),
            ("CorrelationId", SystemProperty::CorrelationId),
            ("Label", SystemProperty::Subject),
            ("MessageId", SystemProperty::MessageId),
            ("PartitionKey", SystemProperty::PartitionKey),
            ("ReplyTo", SystemProperty::ReplyTo),
            ("ReplyToSessionId", SystemProperty::ReplyToSessionId),
            ("SessionId", SystemProperty::SessionId),
            ("Subject", SystemProperty::Subject),
            ("To", SystemProperty::To),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, property)| *property)
    }

    fn read(self, message: &BrokerMessage) -> Option<&str> {
        match self {
            Self::ContentType => message.content_type.as_deref(),
            Self::CorrelationId => message.correlation_id.as_deref(),
            Self::MessageId => Some(&message.message_id),
            Self::PartitionKey => message.partition_key.as_deref(),
            Self::ReplyTo => message.reply_to.as_deref(),
            Self::ReplyToSessionId => message.reply_to_session_id.as_deref(),
            Self::SessionId => message.session_id.as_deref(),
            Self::Subject => message.subject.as_deref(),
            Self::To => message.to.as_deref(),
        }
    }

    fn write(self, message: &mut BrokerMessage, text: Option<String>) {
        let place = match self {
            // A message always has one.
            Self::MessageId => return message.message_id = text.unwrap_or_default(),
            Self::ContentType => &mut message.content_type,
            Self::CorrelationId => &mut message.correlation_id,
            Self::PartitionKey => &mut message.partition_key,
            Self::ReplyTo => &mut message.reply_to,
            Self::ReplyToSessionId => &mut message.reply_to_session_id,
            Self::SessionId => &mut message.session_id,
            Self::Subject => &mut message.subject,
            Self::To => &mut message.to,
        };
        *place = text;
    }
}

impl Property {
    pub(super) fn exists(&self, message: &BrokerMessage) -> bool {
        match self {
            Self::System(property) => property.read(message).is_some(),
            Self::User(name) => message.application_properties.contains_key(name),
        }
    }

    pub(super) fn read(&self, message: &BrokerMessage) -> Value {
        match self {
            Self::System(property) => property
                .read(message)
                .map_or(Value::Unknown, |text| Value::Text(text.to_owned())),
            Self::User(name) => user_property(message, name),
        }
    }

    /// Sets the property, or removes it where the value is unknown. The error says why it cannot be.
    pub(super) fn write(&self, message: &mut BrokerMessage, value: Value) -> Result<(), String> {
        match self {
            Self::User(name) => {
                match json(value) {
                    Some(json) => message.application_properties.insert(name.clone(), json),
                    None => message.application_properties.remove(name),
                };
            }
            Self::System(property) => {
                let text = match value {
                    Value::Unknown => None,
                    Value::Text(text) => Some(text),
                    _ => return Err(format!("sys.{property:?} takes texts only")),
                };
                property.write(message, text);
            }
        }
        Ok(())
    }
}

pub(super) fn user_property(message: &BrokerMessage, name: &str) -> Value {
    match message.application_properties.get(name) {
        Some(Json::Bool(value)) => Value::Boolean(*value),
        Some(Json::Number(n)) => match n.as_i64() {
            Some(n) => Value::Integer(n),
            None => n.as_f64().map_or(Value::Unknown, Value::Double),
        },
        Some(Json::String(text)) => Value::Text(text.clone()),
        // Lists and maps are no values of properties in Service Bus.
        Some(Json::Null | Json::Array(_) | Json::Object(_)) | None => Value::Unknown,
    }
}

fn json(value: Value) -> Option<Json> {
    match value {
        Value::Unknown => None,
        Value::Boolean(value) => Some(value.into()),
        Value::Integer(n) => Some(n.into()),
        Value::Double(n) => Number::from_f64(n).map(Json::Number),
        Value::Text(text) => Some(text.into()),
    }
}
