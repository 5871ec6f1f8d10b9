//! What receivers ask for beside their links: looking ahead, locks, deferred messages, sessions.

use uuid::Uuid;

use super::{Failure, failure, malformed, part, sequence_numbers};
use crate::servicebus::amqp::disposition::properties;
use crate::servicebus::amqp::message::Message;
use crate::servicebus::amqp::outgoing::{delivered, peeked, timestamp};
use crate::servicebus::amqp::value::Value;
use crate::servicebus::engine::{SessionKey, Settlement};
use crate::servicebus::{Broker, BrokerError};

/// Shows messages and leaves them as they are.
pub(super) async fn peek(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let number = |name| part(request, name).and_then(Value::as_i64);
    let from = number("from-sequence-number").ok_or_else(|| malformed("from-sequence-number"))?;
    let count = number("message-count").and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| malformed("message-count"))?;
    let session = part(request, "session-id")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned);
    let found = broker.browse(entity, from, count, session).await;
    let found = found.map_err(|error| failure(&error))?;
    if found.is_empty() {
        return Ok(Value::Null);
    }
    let messages = found.iter().map(|(state, message)| {
        let encoded = Value::Binary(peeked(*state, message));
        Value::Map(vec![(Value::string("message"), encoded)])
    });
    Ok(body("messages", Value::List(messages.collect())))
}

/// Holds locked messages longer.
pub(super) async fn renew(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let tokens = lock_tokens(request)?;
    let until = broker.renew(entity, &tokens).await.map_err(|error| failure(&error))?;
    Ok(body("expirations", Value::Array(vec![timestamp(until); tokens.len()])))
}

/// Locks messages that were put aside; or, as the receiver says, takes them for good.
pub(super) async fn receive_deferred(
    request: &Message,
    entity: &str,
    held: Option<SessionKey>,
    broker: &Broker,
) -> Result<Value, Failure> {
    let sequences = sequence_numbers(request)?;
    let held = needed(request, entity, held, broker)?;
    let deletes = part(request, "receiver-settle-mode").and_then(Value::as_i64) == Some(0);
    let locked = held.is_none() && !deletes;
    let received = broker.receive_deferred_of(entity, &sequences, held).await;
    let received = received.map_err(|error| failure(&error))?;
    let messages = received.iter().map(|delivery| {
        Value::Map(vec![
            (Value::string("message"), Value::Binary(delivered(delivery, locked))),
            (Value::string("lock-token"), Value::Uuid(delivery.lock_token)),
        ])
    });
    let answer = body("messages", Value::List(messages.collect()));
    if deletes {
        let tokens: Vec<_> = received.iter().map(|delivery| delivery.lock_token).collect();
        broker
            .complete(entity, &tokens)
            .await
            .map_err(|error| failure(&error))?;
    }
    Ok(answer)
}

/// Settles messages whose link cannot.
pub(super) async fn settle(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let tokens = lock_tokens(request)?;
    let text = |name| part(request, name).and_then(Value::as_str).unwrap_or_default();
    let changes = part(request, "properties-to-modify")
        .map(properties)
        .unwrap_or_default();
    let settlement = match text("disposition-status") {
        "completed" => Settlement::Complete,
        "abandoned" => Settlement::Abandon { changes },
        // As SDKs spell it.
        "defered" => Settlement::Defer { changes },
        "suspended" => Settlement::dead_letter(text("deadletter-reason"), text("deadletter-description"), changes),
        _ => return Err(malformed("disposition-status")),
    };
    let begun = broker.begin_settle(entity, tokens, settlement);
    let done = begun.map_err(|error| failure(&error))?.await;
    done.unwrap_or(Err(BrokerError::Stopped))
        .map_err(|error| failure(&error))?;
    Ok(Value::Map(Vec::new()))
}

/// Holds a session longer.
pub(super) async fn renew_session(
    request: &Message,
    entity: &str,
    held: Option<SessionKey>,
    broker: &Broker,
) -> Result<Value, Failure> {
    let held = the_session(request, held)?;
    let until = broker
        .renew_session(entity, held)
        .await
        .map_err(|error| failure(&error))?;
    Ok(body("expiration", timestamp(until)))
}

pub(super) async fn session_state(
    request: &Message,
    entity: &str,
    held: Option<SessionKey>,
    broker: &Broker,
) -> Result<Value, Failure> {
    let held = the_session(request, held)?;
    let state = broker
        .session_state(entity, held)
        .await
        .map_err(|error| failure(&error))?;
    let state = state.map_or(Value::Null, |state| Value::Binary(state.into()));
    Ok(body("session-state", state))
}

pub(super) async fn set_session_state(
    request: &Message,
    entity: &str,
    held: Option<SessionKey>,
    broker: &Broker,
) -> Result<Value, Failure> {
    let held = the_session(request, held)?;
    let state = match part(request, "session-state") {
        None => None,
        Some(Value::Binary(state)) => Some(state.to_vec()),
        Some(_) => return Err(malformed("session-state")),
    };
    let kept = broker.set_session_state(entity, held, state).await;
    kept.map_err(|error| failure(&error))?;
    Ok(Value::Map(Vec::new()))
}

/// The sessions that have messages.
pub(super) async fn sessions(request: &Message, entity: &str, broker: &Broker) -> Result<Value, Failure> {
    let number = |name| part(request, name).and_then(Value::as_i64);
    let number = |name| number(name).and_then(|n| usize::try_from(n).ok());
    let skip = number("skip").unwrap_or(0);
    let top = number("top").ok_or_else(|| malformed("top"))?;
    let ids = broker.sessions(entity).await.map_err(|error| failure(&error))?;
    let ids: Vec<_> = ids.iter().skip(skip).take(top).map(|id| Value::string(id)).collect();
    if ids.is_empty() {
        return Ok(Value::Null);
    }
    let next = i32::try_from(skip + ids.len()).unwrap_or(i32::MAX);
    Ok(Value::Map(vec![
        (Value::string("skip"), Value::Int(next)),
        (Value::string("sessions-ids"), Value::Array(ids)),
    ]))
}

fn body(name: &str, value: Value) -> Value {
    Value::Map(vec![(Value::string(name), value)])
}

fn lock_tokens(request: &Message) -> Result<Vec<Uuid>, Failure> {
    let tokens = part(request, "lock-tokens").and_then(Value::as_list);
    let token = |value: &Value| {
        if let Value::Uuid(token) = value {
            Some(*token)
        } else {
            None
        }
    };
    let tokens: Option<Vec<_>> = tokens.and_then(|tokens| tokens.iter().map(token).collect());
    tokens
        .filter(|tokens| !tokens.is_empty())
        .ok_or_else(|| malformed("lock-tokens"))
}

/// The session that a request is about.
fn the_session(request: &Message, held: Option<SessionKey>) -> Result<SessionKey, Failure> {
    let id = part(request, "session-id").and_then(Value::as_str);
    let id = id.ok_or_else(|| malformed("session-id"))?;
    held.ok_or_else(|| failure(&BrokerError::SessionLockLost(id.to_owned())))
}

/// The session that must be held where messages come in sessions.
fn needed(
    request: &Message,
    entity: &str,
    held: Option<SessionKey>,
    broker: &Broker,
) -> Result<Option<SessionKey>, Failure> {
    if broker.comes_in_sessions(entity).map_err(|error| failure(&error))? {
        the_session(request, held).map(Some)
    } else {
        Ok(None)
    }
}
