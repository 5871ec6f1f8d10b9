//! Messages as the data and metadata of an envelope.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::config::Function;
use crate::invocation::{BindingValue, Call, Metadata};
use crate::servicebus::{BrokerMessage, Delivery};

/// Objects of the .NET client that the host serializes along with the rest; a handler cannot do anything with them.
const NOISE: [&str; 5] = [
    "MessageReceiver",
    "MessageSession",
    "MessageActions",
    "SessionActions",
    "ReceiveActions",
];

/// Why messages cannot be put into an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// `cardinality: many` without `dataType` takes JSON only.
    #[error(
        "message {message_id} is not JSON, which fails its whole batch before the handler is called: set \"dataType\": \
         \"string\" on the trigger ({reason})"
    )]
    NotJson {
        /// The message.
        message_id: String,
        /// Where and why.
        reason: String,
    },
}

/// The call for one message.
pub fn single_call(function: &Function, delivery: &Delivery) -> Call {
    let message = &delivery.message;
    let mut metadata = Metadata::default();
    metadata.insert("DeliveryCount", &BindingValue::Json(json!(delivery.delivery_count)));
    metadata.insert("SequenceNumber", &BindingValue::Json(json!(delivery.sequence_number)));
    metadata.insert("LockToken", &BindingValue::text(delivery.lock_token.to_string()));
    for (name, value) in texts(delivery) {
        metadata.insert_text(name, value);
    }
    for (name, time) in [
        ("EnqueuedTime", delivery.enqueued_time),
        ("ExpiresAt", delivery.expires_at),
    ] {
        metadata.insert(&format!("{name}Utc"), &BindingValue::DateTime(time));
        metadata.insert(name, &BindingValue::DateTimeOffset(time));
    }
    for name in ["ApplicationProperties", "UserProperties"] {
        metadata.insert(name, &BindingValue::Object(message.application_properties.clone()));
    }
    add_noise(&mut metadata);
    let data = if function.trigger_data_type.as_deref() == Some("binary") {
        BindingValue::Bytes(message.body.clone())
    } else {
        let text = String::from_utf8_lossy(&message.body);
        metadata.spill(&text);
        BindingValue::text(text)
    };
    Call {
        reason: "(null)".to_owned(),
        data: data_of(function, &data),
        metadata,
    }
}

/// The call for several messages at once.
pub fn batch_call(function: &Function, deliveries: &[Delivery]) -> Result<Call, EnvelopeError> {
    let mut metadata = Metadata::default();
    let mut list = |name: &str, value: &dyn Fn(&Delivery) -> Value| {
        let values: Vec<Value> = deliveries.iter().map(value).collect();
        metadata.insert(&format!("{name}Array"), &BindingValue::Json(Value::Array(values)));
    };
    list("DeliveryCount", &|delivery| json!(delivery.delivery_count));
    list("SequenceNumber", &|delivery| json!(delivery.sequence_number));
    list("LockToken", &|delivery| json!(delivery.lock_token.to_string()));
    if let Some(first) = deliveries.first() {
        for (index, (name, _)) in texts(first).into_iter().enumerate() {
            list(name, &|delivery| json!(texts(delivery)[index].1));
        }
    }
    list("EnqueuedTime", &|delivery| with_offset(delivery.enqueued_time));
    list("EnqueuedTimeUtc", &|delivery| {
        json!(delivery.enqueued_time.format(&Rfc3339).ok())
    });
    list("ExpiresAt", &|delivery| with_offset(delivery.expires_at));
    list("ExpiresAtUtc", &|delivery| {
        json!(delivery.expires_at.format(&Rfc3339).ok())
    });
    for name in ["ApplicationProperties", "UserProperties"] {
        list(name, &|delivery| {
            Value::Object(delivery.message.application_properties.clone())
        });
    }
    add_noise(&mut metadata);
    let bodies = deliveries
        .iter()
        .map(|delivery| body_in_list(function.trigger_data_type.as_deref(), &delivery.message))
        .collect::<Result<Vec<Value>, EnvelopeError>>()?;
    let data = BindingValue::Json(Value::Array(bodies));
    Ok(Call {
        reason: "(null)".to_owned(),
        data: data_of(function, &data),
        metadata,
    })
}

/// The call that the admin API makes of a text: a message with that body and nothing else of its own.
pub fn input_call(function: &Function, many: bool, input: &str) -> Result<Call, EnvelopeError> {
    let now = OffsetDateTime::now_utc();
    let delivery = Delivery {
        message: BrokerMessage {
            message_id: Uuid::new_v4().simple().to_string(),
            body: Bytes::copy_from_slice(input.as_bytes()),
            ..BrokerMessage::default()
        },
        sequence_number: 0,
        delivery_count: 1,
        lock_token: Uuid::nil(),
        enqueued_time: now,
        expires_at: now + time::Duration::days(14),
        locked_until: now,
        dead_letter_source: None,
        dead_letter_reason: None,
        dead_letter_error_description: None,
    };
    let mut call = if many {
        batch_call(function, std::slice::from_ref(&delivery))?
    } else {
        single_call(function, &delivery)
    };
    "This function was programmatically called via the host APIs.".clone_into(&mut call.reason);
    Ok(call)
}

fn data_of(function: &Function, value: &BindingValue) -> Map<String, Value> {
    Map::from_iter([(function.trigger_name.clone(), value.encode())])
}

fn body_in_list(data_type: Option<&str>, message: &BrokerMessage) -> Result<Value, EnvelopeError> {
    match data_type {
        Some("binary") => Ok(json!(base64::engine::general_purpose::STANDARD.encode(&message.body))),
        Some(_) => Ok(json!(String::from_utf8_lossy(&message.body))),
        None => serde_json::from_slice(&message.body).map_err(|error| EnvelopeError::NotJson {
            message_id: message.message_id.clone(),
            reason: error.to_string(),
        }),
    }
}

fn texts(delivery: &Delivery) -> [(&'static str, Option<&str>); 12] {
    let message = &delivery.message;
    [
        ("MessageId", Some(message.message_id.as_str())),
        ("ContentType", message.content_type.as_deref()),
        ("CorrelationId", message.correlation_id.as_deref()),
        ("ReplyTo", message.reply_to.as_deref()),
        ("ReplyToSessionId", message.reply_to_session_id.as_deref()),
        ("SessionId", message.session_id.as_deref()),
        ("PartitionKey", message.partition_key.as_deref()),
        // The host puts the partition key here, too, in batches; a broker without transactions has nothing better.
        ("TransactionPartitionKey", message.partition_key.as_deref()),
        ("To", message.to.as_deref()),
        ("Subject", message.subject.as_deref()),
        ("Label", message.subject.as_deref()),
        ("DeadLetterSource", delivery.dead_letter_source.as_deref()),
    ]
}

fn add_noise(metadata: &mut Metadata) {
    for name in NOISE {
        metadata.insert(name, &BindingValue::Object(Map::new()));
    }
    let client = Map::from_iter([
        ("FullyQualifiedNamespace".to_owned(), json!("localhost")),
        ("IsClosed".to_owned(), json!(false)),
        ("TransportType".to_owned(), json!(0)),
        ("Identifier".to_owned(), json!("localhost")),
    ]);
    metadata.insert("Client", &BindingValue::Object(client));
}

fn with_offset(time: OffsetDateTime) -> Value {
    json!(time.format(&Rfc3339).ok().map(|text| text.replace('Z', "+00:00")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, parse_function};
    use std::path::Path;
    use time::macros::datetime;

    fn function(extra: &Value) -> Function {
        let mut binding = json!({"type": "serviceBusTrigger", "name": "q", "queueName": "orders"});
        binding
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().cloned().unwrap());
        parse_function(
            "fn",
            Path::new("."),
            &json!({"bindings": [binding]}),
            &Settings::default(),
        )
        .unwrap()
    }

    fn delivery(id: &str, body: &'static str) -> Delivery {
        Delivery {
            message: BrokerMessage {
                message_id: id.to_owned(),
                body: Bytes::from_static(body.as_bytes()),
                ..BrokerMessage::default()
            },
            sequence_number: 7,
            delivery_count: 1,
            lock_token: Uuid::nil(),
            enqueued_time: datetime!(2023-10-12 20:13:49.25 UTC),
            expires_at: datetime!(2023-10-26 20:13:49 UTC),
            locked_until: datetime!(2023-10-12 20:14:49 UTC),
            dead_letter_source: None,
            dead_letter_reason: None,
            dead_letter_error_description: None,
        }
    }

    /// Vector 32.
    #[test]
    fn one_message() {
        let call = single_call(
            &function(&json!({})),
            &delivery("abc", r#"{"message":"hello","number":2}"#),
        );
        assert_eq!(
            Value::Object(call.data),
            json!({"q": "\"{\\\"message\\\":\\\"hello\\\",\\\"number\\\":2}\""})
        );
        let metadata = call.metadata.finish("fn");
        assert_eq!(metadata["message"], json!("\"hello\""));
        assert_eq!(metadata["number"], json!("\"2\""));
        assert_eq!(metadata["DeliveryCount"], json!("1"));
        assert_eq!(metadata["SequenceNumber"], json!("7"));
        assert_eq!(metadata["MessageId"], json!("\"abc\""));
        assert_eq!(metadata["ApplicationProperties"], json!({}));
        assert_eq!(metadata["EnqueuedTimeUtc"], json!("2023-10-12T20:13:49"));
        assert_eq!(metadata["EnqueuedTime"], json!("2023-10-12T20:13:49+00:00"));
        assert_eq!(metadata["Client"]["IsClosed"], json!(false));
        assert!(!metadata.contains_key("SessionId"));
    }

    /// Vector 33.
    #[test]
    fn several_messages_as_texts() {
        let function = function(&json!({"cardinality": "many", "dataType": "string"}));
        let call = batch_call(&function, &[delivery("1", "a"), delivery("2", "b")]).unwrap();
        assert_eq!(Value::Object(call.data), json!({"q": "[\"a\",\"b\"]"}));
        let metadata = call.metadata.finish("fn");
        assert_eq!(metadata["MessageIdArray"], json!("[\"1\",\"2\"]"));
        assert_eq!(metadata["DeliveryCountArray"], json!("[1,1]"));
        assert_eq!(metadata["SessionIdArray"], json!("[null,null]"));
        assert_eq!(metadata["ApplicationPropertiesArray"], json!("[{},{}]"));
        assert!(!metadata.contains_key("MessageId"));
    }

    #[test]
    fn several_messages_without_a_data_type_must_be_json() {
        let function = function(&json!({"cardinality": "many"}));
        let call = batch_call(&function, &[delivery("1", r#"{"a":1}"#), delivery("2", "2")]).unwrap();
        assert_eq!(Value::Object(call.data), json!({"q": "[{\"a\":1},2]"}));
        let error = batch_call(&function, &[delivery("1", "{}"), delivery("2", "plain")]).unwrap_err();
        assert!(error.to_string().contains("message 2 is not JSON"));
    }

    #[test]
    fn bytes_are_base64() {
        let call = single_call(&function(&json!({"dataType": "binary"})), &delivery("1", "hi"));
        assert_eq!(Value::Object(call.data), json!({"q": "aGk="}));
    }
}
