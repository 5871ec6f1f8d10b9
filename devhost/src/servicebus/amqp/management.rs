//! `ENTITY/$management`: what SDKs ask for beside sending and receiving.

mod receiving;
mod rules;

use bytes::Bytes;

use super::message::{Message, broker_messages, reply};
use super::session::condition;
use super::value::Value;
use crate::servicebus::engine::SessionKey;
use crate::servicebus::{Broker, BrokerError, BrokerMessage};

/// Carries out a request and words its answer. `held`: the session that the request is about, if its sender holds it.
pub(super) async fn answer(request: Message, entity: String, held: Option<SessionKey>, broker: Broker) -> Bytes {
    let operation = request
        .application_property("operation")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let result = match operation {
        "com.microsoft:schedule-message" => schedule(&request, &entity, &broker).await,
        "com.microsoft:cancel-scheduled-message" => cancel(&request, &entity, &broker).await,
        "com.microsoft:peek-message" => receiving::peek(&request, &entity, &broker).await,
        "com.microsoft:renew-lock" => receiving::renew(&request, &entity, &broker).await,
        "com.microsoft:receive-by-sequence-number" => {
            receiving::receive_deferred(&request, &entity, held, &broker).await
        }
        "com.microsoft:update-disposition" => receiving::settle(&request, &entity, &broker).await,
        "com.microsoft:renew-session-lock" => receiving::renew_session(&request, &entity, held, &broker).await,
        "com.microsoft:get-session-state" => receiving::session_state(&request, &entity, held, &broker).await,
        "com.microsoft:set-session-state" => receiving::set_session_state(&request, &entity, held, &broker).await,
        "com.microsoft:get-message-sessions" => receiving::sessions(&request, &entity, &broker).await,
        "com.microsoft:enumerate-rules" => rules::enumerate(&request, &entity, &broker),
        "com.microsoft:add-rule" => rules::add(&request, &entity, &broker).await,
        "com.microsoft:remove-rule" => rules::remove(&request, &entity, &broker).await,
        other => Err((
            501,
            "amqp:not-implemented",
            format!("The operation '{other}' is not supported."),
        )),
    };
    let (status, condition, description, body) = match result {
        // Nothing is there to be told.
        Ok(Value::Null) => (204, None, "No content".to_owned(), Value::Null),
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
    let sequences = sequence_numbers(request)?;
    broker
        .cancel_scheduled(entity, &sequences)
        .await
        .map_err(|error| failure(&error))?;
    Ok(Value::Map(Vec::new()))
}

/// What a request says under a name.
fn part<'a>(request: &'a Message, name: &str) -> Option<&'a Value> {
    request.value.as_ref()?.get(name).filter(|value| **value != Value::Null)
}

fn sequence_numbers(request: &Message) -> Result<Vec<i64>, Failure> {
    let numbers = part(request, "sequence-numbers").and_then(Value::as_list);
    let numbers = numbers.ok_or_else(|| malformed("sequence-numbers"))?;
    let numbers: Option<Vec<i64>> = numbers.iter().map(Value::as_i64).collect();
    numbers.ok_or_else(|| malformed("sequence-numbers"))
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
        BrokerError::NotFound(_) | BrokerError::NoSuchMessage { .. } | BrokerError::NoSuchRule(_) => 404,
        BrokerError::RuleExists(_) => 409,
        BrokerError::LockLost { .. } | BrokerError::SessionLockLost(_) => 410,
        BrokerError::Invalid(_) | BrokerError::TooLarge { .. } => 400,
        _ => 500,
    };
    (status, condition(error), error.to_string())
}
