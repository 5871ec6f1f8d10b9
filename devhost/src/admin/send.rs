//! Messages as the tools around this host write them.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::servicebus::BrokerMessage;

/// One message. A body that is not text is sent as JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    body: Option<Value>,
    body_base64: Option<String>,
    message_id: Option<String>,
    content_type: Option<String>,
    correlation_id: Option<String>,
    subject: Option<String>,
    to: Option<String>,
    reply_to: Option<String>,
    reply_to_session_id: Option<String>,
    session_id: Option<String>,
    partition_key: Option<String>,
    #[serde(default)]
    application_properties: Map<String, Value>,
    time_to_live_seconds: Option<f64>,
    scheduled_enqueue_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

/// Reads one message or a list of them.
pub(super) fn read_messages(body: &Bytes) -> Result<Vec<BrokerMessage>, String> {
    let parsed: OneOrMany = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let values = match parsed {
        OneOrMany::Many(values) => values,
        OneOrMany::One(value) => vec![value],
    };
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let written: Written =
                serde_json::from_value(value).map_err(|error| format!("message {index}: {error}"))?;
            written
                .into_message()
                .map_err(|reason| format!("message {index}: {reason}"))
        })
        .collect()
}

impl Written {
    fn into_message(self) -> Result<BrokerMessage, String> {
        let body = match (self.body, self.body_base64) {
            (None, None) => Bytes::new(),
            (Some(Value::String(text)), None) => text.into(),
            (Some(value), None) => value.to_string().into(),
            (None, Some(text)) => base64::engine::general_purpose::STANDARD
                .decode(text)
                .map_err(|error| format!("bodyBase64: {error}"))?
                .into(),
            (Some(_), Some(_)) => return Err("body and bodyBase64 exclude each other".to_owned()),
        };
        let time_to_live = self
            .time_to_live_seconds
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(|error| format!("timeToLiveSeconds: {error}"))?;
        let scheduled_enqueue_time = self
            .scheduled_enqueue_time
            .map(|text| {
                OffsetDateTime::parse(&text, &Rfc3339)
                    .map_err(|_| format!("scheduledEnqueueTime '{text}' is not a time such as 2026-01-31T12:00:00Z"))
            })
            .transpose()?;
        Ok(BrokerMessage {
            message_id: self.message_id.unwrap_or_else(|| Uuid::new_v4().simple().to_string()),
            body,
            content_type: self.content_type,
            correlation_id: self.correlation_id,
            subject: self.subject,
            to: self.to,
            reply_to: self.reply_to,
            reply_to_session_id: self.reply_to_session_id,
            session_id: self.session_id,
            partition_key: self.partition_key,
            application_properties: self.application_properties,
            time_to_live,
            scheduled_enqueue_time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Vec<BrokerMessage>, String> {
        read_messages(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn one_or_many() {
        let one = read(r#"{"body": "text", "messageId": "m", "applicationProperties": {"a": 1}}"#).unwrap();
        assert_eq!((one[0].message_id.as_str(), &one[0].body[..]), ("m", &b"text"[..]));
        assert_eq!(one[0].application_properties["a"], 1);
        let many = read(r#"[{"body": {"a": 1}}, {"bodyBase64": "/w=="}]"#).unwrap();
        assert_eq!((&many[0].body[..], &many[1].body[..]), (&b"{\"a\":1}"[..], &[0xff][..]));
        assert!(!many[0].message_id.is_empty());
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert!(
            read(r#"[{"body": ""}, {"bod": 1}]"#)
                .unwrap_err()
                .starts_with("message 1: unknown field `bod`")
        );
        assert!(read("nonsense").is_err());
        assert!(read(r#"{"body": "", "bodyBase64": ""}"#).is_err());
        let error = read(r#"{"scheduledEnqueueTime": "tomorrow"}"#).unwrap_err();
        assert!(
            error.starts_with("message 0: scheduledEnqueueTime 'tomorrow'"),
            "{error}"
        );
    }
}
