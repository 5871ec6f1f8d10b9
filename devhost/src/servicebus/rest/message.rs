//! Messages as requests hold them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::servicebus::BrokerMessage;

/// The content type of a list of messages.
const BATCH: &str = "application/vnd.microsoft.servicebus.json";
const BROKER_PROPERTIES: &str = "brokerproperties";
/// Headers that are about the request. All others are properties of the message.
const NOT_PROPERTIES: [&str; 12] = [
    "accept",
    "accept-encoding",
    "authorization",
    BROKER_PROPERTIES,
    "connection",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "transfer-encoding",
    "user-agent",
];

/// What a sender may say of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BrokerProperties {
    message_id: Option<String>,
    content_type: Option<String>,
    correlation_id: Option<String>,
    session_id: Option<String>,
    partition_key: Option<String>,
    label: Option<String>,
    to: Option<String>,
    reply_to: Option<String>,
    reply_to_session_id: Option<String>,
    /// In seconds.
    time_to_live: Option<f64>,
    #[serde(with = "time::serde::rfc2822::option")]
    scheduled_enqueue_time_utc: Option<OffsetDateTime>,
}

/// One of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    #[serde(default)]
    body: String,
    #[serde(default)]
    broker_properties: BrokerProperties,
    #[serde(default)]
    user_properties: Map<String, Value>,
}

/// The message, or the messages, of a request.
pub(super) fn read(headers: &HeaderMap, body: Bytes) -> Result<Vec<BrokerMessage>, String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let content_type = text(header::CONTENT_TYPE.as_str());
    if content_type.is_some_and(|of| of.trim_start().to_ascii_lowercase().starts_with(BATCH)) {
        let items: Vec<Item> =
            serde_json::from_slice(&body).map_err(|error| format!("The batch is malformed: {error}."))?;
        return items
            .into_iter()
            .map(|item| message(item.body.into(), item.broker_properties, item.user_properties))
            .collect();
    }
    let mut properties: BrokerProperties = match text(BROKER_PROPERTIES) {
        None => BrokerProperties::default(),
        Some(json) => {
            serde_json::from_str(json).map_err(|error| format!("BrokerProperties are malformed: {error}."))?
        }
    };
    properties.content_type = content_type.map(ToOwned::to_owned);
    let application_properties = headers
        .iter()
        .filter(|(name, _)| !NOT_PROPERTIES.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), property(value.to_str().ok()?))))
        .collect();
    Ok(vec![message(body, properties, application_properties)?])
}

/// Text is in quotation marks, as in JSON; what is no JSON is text, too.
fn property(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn message(
    body: Bytes,
    properties: BrokerProperties,
    application_properties: Map<String, Value>,
) -> Result<BrokerMessage, String> {
    let time_to_live = properties
        .time_to_live
        .map(Duration::try_from_secs_f64)
        .transpose()
        .map_err(|error| format!("TimeToLive: {error}."))?;
    Ok(BrokerMessage {
        message_id: properties.message_id.unwrap_or_default(),
        body,
        content_type: properties.content_type,
        correlation_id: properties.correlation_id,
        subject: properties.label,
        to: properties.to,
        reply_to: properties.reply_to,
        reply_to_session_id: properties.reply_to_session_id,
        session_id: properties.session_id,
        partition_key: properties.partition_key,
        application_properties,
        time_to_live,
        scheduled_enqueue_time: properties.scheduled_enqueue_time_utc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn one_message_has_its_properties_in_headers() {
        let headers = headers(&[
            ("content-type", "application/json"),
            (
                "brokerproperties",
                r#"{"MessageId":"m","SessionId":"s","Label":"l","TimeToLive":1.5,"ScheduledEnqueueTimeUtc":"Wed, 02 Jul 2014 01:32:27 GMT"}"#,
            ),
            ("priority", "\"High\""),
            ("count", "12"),
            ("plain", "High"),
            ("authorization", "x"),
        ]);
        let message = read(&headers, Bytes::from_static(b"{}")).unwrap().remove(0);
        assert_eq!(
            (message.message_id.as_str(), message.session_id.as_deref()),
            ("m", Some("s"))
        );
        assert_eq!(message.subject.as_deref(), Some("l"));
        assert_eq!(message.content_type.as_deref(), Some("application/json"));
        assert_eq!(message.time_to_live, Some(Duration::from_millis(1_500)));
        assert_eq!(message.scheduled_enqueue_time.unwrap().unix_timestamp(), 1_404_264_747);
        let expected = serde_json::json!({"priority": "High", "count": 12, "plain": "High"});
        assert_eq!(Value::Object(message.application_properties), expected);
    }

    #[test]
    fn a_batch_has_all_of_it_in_its_body() {
        let headers = headers(&[(
            "content-type",
            "application/vnd.microsoft.servicebus.json; charset=utf-8",
        )]);
        let body = r#"[{"Body": "a", "BrokerProperties": {"MessageId": "1"}, "UserProperties": {"Priority": "Low"}}, {"Body": "b"}]"#;
        let messages = read(&headers, Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(
            (messages[0].message_id.as_str(), &messages[0].body[..]),
            ("1", &b"a"[..])
        );
        assert_eq!(messages[0].application_properties["Priority"], "Low");
        assert_eq!(&messages[1].body[..], b"b");
    }

    #[test]
    fn what_is_malformed_is_named() {
        let batch = headers(&[("content-type", BATCH)]);
        for body in [
            "",
            "{}",
            r#"[{"Body": 1}]"#,
            r#"[{"Body": "", "BrokerProperties": {"TimeToLive": -1}}]"#,
        ] {
            assert!(read(&batch, Bytes::from_static(body.as_bytes())).is_err(), "{body}");
        }
        for value in ["{", r#"{"MessageId": 1}"#, r#"{"ScheduledEnqueueTimeUtc": "tomorrow"}"#] {
            let headers = headers(&[("brokerproperties", value)]);
            assert!(
                read(&headers, Bytes::new()).unwrap_err().contains("BrokerProperties"),
                "{value}"
            );
        }
    }
}
