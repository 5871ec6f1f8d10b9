//! Filters that compare for equality.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::servicebus::BrokerMessage;

/// Takes messages whose properties have all of these values; texts are compared with their case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct CorrelationFilter {
    /// The content type.
    pub content_type: Option<String>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// The subject; `Label` in configuration files.
    #[serde(alias = "Subject")]
    pub label: Option<String>,
    /// The message id.
    pub message_id: Option<String>,
    /// The address of an answer.
    pub reply_to: Option<String>,
    /// The session of an answer.
    pub reply_to_session_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The address of the receiver.
    pub to: Option<String>,
    /// The sender's own properties.
    pub properties: Map<String, Value>,
}

impl CorrelationFilter {
    /// Whether it asks for nothing, which Azure refuses.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a message has all the values.
    pub(super) fn matches(&self, message: &BrokerMessage) -> bool {
        [
            (&self.content_type, &message.content_type),
            (&self.correlation_id, &message.correlation_id),
            (&self.label, &message.subject),
            (&self.reply_to, &message.reply_to),
            (&self.reply_to_session_id, &message.reply_to_session_id),
            (&self.session_id, &message.session_id),
            (&self.to, &message.to),
        ]
        .iter()
        .all(|(wanted, has)| wanted.is_none() || wanted == has)
            && self.message_id.as_ref().is_none_or(|id| *id == message.message_id)
            && self.properties.iter().all(|(name, wanted)| {
                message
                    .application_properties
                    .get(name)
                    .is_some_and(|has| equal(wanted, has))
            })
    }
}

/// Whether two values are the same; of numbers, whether they are equal.
fn equal(wanted: &Value, has: &Value) -> bool {
    match (wanted, has) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => wanted == has,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_values_must_be_there() {
        let filter: CorrelationFilter = serde_json::from_value(json!({
            "Label": "red", "CorrelationId": "c", "Properties": {"size": 2, "urgent": true}
        }))
        .expect("a filter");
        let mut message = BrokerMessage {
            subject: Some("red".to_owned()),
            correlation_id: Some("c".to_owned()),
            ..BrokerMessage::default()
        };
        assert!(!filter.matches(&message));
        message.application_properties.insert("size".to_owned(), json!(2.0));
        message.application_properties.insert("urgent".to_owned(), json!(true));
        message.application_properties.insert("more".to_owned(), json!("x"));
        assert!(filter.matches(&message));
        message.subject = Some("Red".to_owned());
        assert!(!filter.matches(&message), "case matters");
        assert!(serde_json::from_value::<CorrelationFilter>(json!({"Colour": "red"})).is_err());
        assert!(CorrelationFilter::default().is_empty());
    }
}
