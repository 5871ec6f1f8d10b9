//! `ENTITY/$management`: scheduling messages, and taking scheduled ones back.

use bytes::Bytes;

use super::message::{Message, broker_messages, reply};
use super::session::condition;
use super::value::Value;
use crate::servicebus::{Broker, BrokerError, BrokerMessage};

/// Carries out a request and words its answer.
pub(super) async fn answer(request: Message, entity: String, broker: Broker) -> Bytes {
    let operation = request
        .application_property("operation")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let result = match operation {
        "com.microsoft:schedule-message" => schedule(&request, &entity, &broker).await,
        "com.microsoft:cancel-scheduled-message" => cancel(&request, &entity, &broker).await,
        other => Err((
            501,
            "amqp:not-implemented",
            format!("The operation '{other}' is not supported."),
        )),
    };
    let (status, condition, description, body) = match result {
        Ok(body) => (200, None, "OK".to_owned(), body),
        Err((status, condition, description)) => (status, Some(condition), description, Value::Null),
    };
    let mut properties = vec![
        ("statusCode", Value::Int(status)),
        ("statusDescription", Value::string(&description)),
    ];
    if let Some(condition) = condition {
        properties.push(("errorCondition", Value::symbol(condition)));
    }
    reply(request.message_id().clone(), properties, body)
}

/// A status code of HTTP's kind, the condition and the description.
type Failure = (i32, &'static str, String);

async fn schedule(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let messages = scheduled_messages(request).ok_or_else(|| malformed("messages"))?;
    let sequences = broker.send(entity, messages).await.map_err(|error| failure(&error))?;
    let sequences = sequences.into_iter().map(Value::Long).collect();
    Ok(Value::Map(vec![(
        Value::string("sequence-numbers"),
        Value::Array(sequences),
    )]))
}

fn scheduled_messages(request: &Message) -> Option<Vec<BrokerMessage>> {
    let entries = request.value.as_ref()?.get("messages")?.as_list()?;
    let mut messages = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(Value::Binary(encoded)) = entry.get("message") else {
            return None;
        };
        let mut decoded = broker_messages(encoded.clone(), 0).ok()?;
        let mut message = decoded.pop()?;
        if let (true, Some(id)) = (
            message.message_id.is_empty(),
            entry.get("message-id").and_then(Value::to_id),
        ) {
            message.message_id = id;
        }
        messages.push(message);
    }
    Some(messages)
}

async fn cancel(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let sequences = request
        .value
        .as_ref()
        .and_then(|body| body.get("sequence-numbers"))
        .and_then(Value::as_list);
    let sequences: Vec<i64> = sequences
        .ok_or_else(|| malformed("sequence-numbers"))?
        .iter()
        .filter_map(|value| if let Value::Long(n) = value { Some(*n) } else { None })
        .collect();
    broker
        .cancel_scheduled(entity, &sequences)
        .await
        .map_err(|error| failure(&error))?;
    Ok(Value::Map(Vec::new()))
}

fn malformed(part: &str) -> Failure {
    (
        400,
        "amqp:invalid-field",
        format!("The request has no usable '{part}'."),
    )
}

fn failure(error: &BrokerError) -> Failure {
    let status = match error {
        BrokerError::NotFound(_) | BrokerError::NoSuchMessage { .. } => 404,
        BrokerError::Invalid(_) | BrokerError::TooLarge { .. } => 400,
        _ => 500,
    };
    (status, condition(error), error.to_string())
}
