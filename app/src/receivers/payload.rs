//! What a webhook is sent of an event: `{event, data, timestamp}` and what it happened to. The same bytes in every try.

use inventory_domain::limits::WEBHOOK_BODY_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An event as it is in the outbox.
#[derive(Deserialize)]
pub(crate) struct Told<'a> {
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) event_type: &'a str,
    /// What it happened to.
    pub(crate) subject: &'a str,
    /// When.
    pub(crate) time: &'a str,
    /// The thing after the event.
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
}

#[derive(Serialize)]
struct Payload<'a, T> {
    event: &'a str,
    data: T,
    timestamp: &'a str,
    subject: &'a str,
}

/// In place of what is too large for a webhook: receivers ask for it.
#[derive(Serialize)]
struct TooLarge {
    too_large: bool,
}

/// The body for a webhook; `None` where `event` cannot be read.
pub(crate) fn payload(event: &str) -> Option<String> {
    let told: Told<'_> = serde_json::from_str(event).ok()?;
    let body = with(&told, told.data)?;
    if body.len() <= WEBHOOK_BODY_BYTES_MAX {
        return Some(body);
    }
    with(&told, TooLarge { too_large: true })
}

fn with<T: Serialize>(told: &Told<'_>, data: T) -> Option<String> {
    let payload = Payload {
        event: told.event_type,
        data,
        timestamp: told.time,
        subject: told.subject,
    };
    serde_json::to_string(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> String {
        format!(
            r#"{{"id":"1","source":"/inventory","specversion":"1.0","type":"inventory.stock.low","subject":"inventory/7","time":"2026-01-05T09:30:00.000000Z","datacontenttype":"application/json","data":{data}}}"#
        )
    }

    #[test]
    fn events_are_told_as_they_are() {
        assert_eq!(
            payload(&event(r#"{"b": 1, "a":2.50}"#)).unwrap(),
            r#"{"event":"inventory.stock.low","data":{"b": 1, "a":2.50},"timestamp":"2026-01-05T09:30:00.000000Z","subject":"inventory/7"}"#
        );
        assert_eq!(payload("{}"), None);
    }

    #[test]
    fn what_is_too_large_is_asked_for() {
        let large = format!("\"{}\"", "x".repeat(WEBHOOK_BODY_BYTES_MAX));
        let body = payload(&event(&large)).unwrap();
        assert!(
            body.contains(r#""data":{"too_large":true}"#) && body.contains(r#""subject":"inventory/7""#),
            "{body}"
        );
    }
}
