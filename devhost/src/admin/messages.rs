//! Messages as the tools around this host look at them, delete them, and give dead letters another chance.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Admin, refuse, refuse_broker};
use crate::http::{HostBody, empty, json_response, query_pairs};
use crate::servicebus::{MessageState, PeekedMessage};

/// How many messages are shown when nobody says how many.
const SHOWN: usize = 50;
/// The most messages that are shown at once.
const SHOWN_MAX: usize = 1_000;
/// How much of a body is shown when nobody says how much, in bytes.
const BODY_BYTES: usize = 64 * 1024;
/// The most of all bodies that is shown at once, in bytes.
const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Admin {
    /// Answers a request for `/_devhost/servicebus/{entity}/messages` or `…/resubmit`; `None`: it is for neither.
    pub(super) async fn messages(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        body: &Bytes,
    ) -> Option<Response<HostBody>> {
        // A queue may be called like that itself.
        if self.broker.counts(path).is_ok() {
            return None;
        }
        let (entity, last) = path.rsplit_once('/')?;
        Some(match (method.as_str(), last) {
            ("GET", "messages") => self.peek(entity, query).await,
            ("DELETE", "messages") => self.purge(entity, query).await,
            ("POST", "resubmit") => self.resubmit(entity, body).await,
            (_, "messages" | "resubmit") => empty(StatusCode::METHOD_NOT_ALLOWED),
            _ => return None,
        })
    }

    async fn peek(&self, entity: &str, query: &str) -> Response<HostBody> {
        let wanted = match Wanted::parse(query) {
            Ok(wanted) => wanted,
            Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
        };
        let Wanted {
            state,
            skip,
            count,
            body_bytes,
        } = wanted;
        match self.broker.peek(entity, state, skip, count, body_bytes).await {
            Ok(peeked) => {
                let messages: Vec<Value> = peeked.messages.iter().map(shown).collect();
                json_response(
                    StatusCode::OK,
                    &json!({"entity": entity, "state": name(state), "total": peeked.total, "messages": messages}),
                )
            }
            Err(error) => refuse_broker(&error),
        }
    }

    async fn purge(&self, entity: &str, query: &str) -> Response<HostBody> {
        // Nothing is deleted for want of a word.
        let state = match query_pairs(query).into_iter().find(|(name, _)| name == "state") {
            Some((_, text)) => parse_state(&text),
            None => Err("say which messages: state=active, scheduled, deferred or deadletter".to_owned()),
        };
        let state = match state {
            Ok(state) => state,
            Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
        };
        match self.broker.purge(entity, state).await {
            Ok(purged) => json_response(StatusCode::OK, &json!({"purged": purged})),
            Err(error) => refuse_broker(&error),
        }
    }

    async fn resubmit(&self, entity: &str, body: &Bytes) -> Response<HostBody> {
        let which: Which = match serde_json::from_slice(body) {
            Ok(which) => which,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let done = match (which.sequence_numbers, which.all) {
            (Some(numbers), None | Some(false)) => self
                .broker
                .resubmit(entity, &numbers)
                .await
                .map(|renewed| json!({"resubmitted": renewed.len(), "sequenceNumbers": renewed})),
            (None, Some(true)) => self
                .broker
                .resubmit_all(entity)
                .await
                .map(|resubmitted| json!({"resubmitted": resubmitted})),
            _ => {
                let reason = "say which dead letters: either \"sequenceNumbers\": [..] or \"all\": true";
                return refuse(StatusCode::BAD_REQUEST, reason);
            }
        };
        match done {
            Ok(answer) => json_response(StatusCode::OK, &answer),
            Err(error) => refuse_broker(&error),
        }
    }
}

/// Which dead letters to resubmit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Which {
    sequence_numbers: Option<Vec<i64>>,
    all: Option<bool>,
}

/// What a query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    state: MessageState,
    skip: usize,
    count: usize,
    body_bytes: usize,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, String> {
        let mut wanted = Self {
            state: MessageState::Active,
            skip: 0,
            count: SHOWN,
            body_bytes: BODY_BYTES,
        };
        for (name, value) in query_pairs(query) {
            let number = || {
                value
                    .parse::<usize>()
                    .map_err(|_| format!("{name} must be a number, not '{value}'"))
            };
            match name.as_str() {
                "state" => wanted.state = parse_state(&value)?,
                "skip" => wanted.skip = number()?,
                "count" => wanted.count = number()?,
                "bodyBytes" => wanted.body_bytes = number()?,
                _ => return Err(format!("'{name}' is not known: state, skip, count, bodyBytes")),
            }
        }
        if wanted.count > SHOWN_MAX {
            return Err(format!("count must be at most {SHOWN_MAX}"));
        }
        if wanted.count.saturating_mul(wanted.body_bytes) > BODIES_BYTES_MAX {
            return Err(format!("count times bodyBytes must be at most {BODIES_BYTES_MAX}"));
        }
        Ok(wanted)
    }
}

fn parse_state(text: &str) -> Result<MessageState, String> {
    match text {
        "active" => Ok(MessageState::Active),
        "scheduled" => Ok(MessageState::Scheduled),
        "deferred" => Ok(MessageState::Deferred),
        "deadletter" => Ok(MessageState::DeadLettered),
        other => Err(format!(
            "state '{other}' is not active, scheduled, deferred or deadletter"
        )),
    }
}

fn name(state: MessageState) -> &'static str {
    match state {
        MessageState::Active => "active",
        MessageState::Scheduled => "scheduled",
        MessageState::Deferred => "deferred",
        MessageState::DeadLettered => "deadletter",
    }
}

/// A message under the names it can be sent with, see `send`, and what the broker knows of it. What it does not have is
/// left out.
fn shown(peeked: &PeekedMessage) -> Value {
    let message = &peeked.message;
    let is_cut = peeked.body_bytes > message.body.len() as u64;
    let text = body_text(&message.body, is_cut);
    let bytes = text
        .is_none()
        .then(|| base64::engine::general_purpose::STANDARD.encode(&message.body));
    let time = |time: OffsetDateTime| time.format(&Rfc3339).ok();
    let fields = [
        ("sequenceNumber", json!(peeked.sequence_number)),
        ("messageId", json!(message.message_id)),
        ("body", json!(text)),
        ("bodyBase64", json!(bytes)),
        ("bodyBytes", json!(peeked.body_bytes)),
        ("bodyIsCut", if is_cut { json!(true) } else { Value::Null }),
        ("contentType", json!(message.content_type)),
        ("correlationId", json!(message.correlation_id)),
        ("subject", json!(message.subject)),
        ("to", json!(message.to)),
        ("replyTo", json!(message.reply_to)),
        ("replyToSessionId", json!(message.reply_to_session_id)),
        ("sessionId", json!(message.session_id)),
        ("partitionKey", json!(message.partition_key)),
        (
            "applicationProperties",
            Value::Object(message.application_properties.clone()),
        ),
        (
            "timeToLiveSeconds",
            json!(message.time_to_live.as_ref().map(Duration::as_secs_f64)),
        ),
        (
            "scheduledEnqueueTime",
            json!(message.scheduled_enqueue_time.and_then(time)),
        ),
        ("deliveryCount", json!(peeked.delivery_count)),
        ("enqueuedTime", json!(time(peeked.enqueued_time))),
        ("expiresAt", json!(time(peeked.expires_at))),
        ("lockedUntil", json!(peeked.locked_until.and_then(time))),
        ("deadLetterReason", json!(peeked.dead_letter_reason)),
        (
            "deadLetterErrorDescription",
            json!(peeked.dead_letter_error_description),
        ),
        ("deadLetterSource", json!(peeked.dead_letter_source)),
    ];
    let fields: Map<String, Value> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Object(fields)
}

/// The body, if it is text; of a body that was cut, the last character may have been cut, too.
fn body_text(body: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(body) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => std::str::from_utf8(&body[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let wanted = Wanted::parse("state=deadletter&skip=5&count=2&bodyBytes=10").unwrap();
        let expected = Wanted {
            state: MessageState::DeadLettered,
            skip: 5,
            count: 2,
            body_bytes: 10,
        };
        assert_eq!(wanted, expected);
        for (query, reason) in [
            ("state=dead", "state 'dead'"),
            ("skip=-1", "skip must be a number, not '-1'"),
            ("count=1001", "count must be at most 1000"),
            ("count=1000&bodyBytes=1048576", "count times bodyBytes"),
            ("kount=1", "'kount' is not known"),
        ] {
            let error = Wanted::parse(query).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn a_body_that_was_cut_within_a_character_is_still_text() {
        let body = "aä".as_bytes();
        assert_eq!(body_text(body, false), Some("aä"));
        assert_eq!(body_text(&body[..2], true), Some("a"));
        assert_eq!(body_text(&body[..2], false), None);
        assert_eq!(body_text(&[0xff, b'a'], true), None);
    }
}
