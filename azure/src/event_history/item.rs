//! An event as Cosmos DB keeps it.

use serde_json::{Map, Value, value::RawValue};

/// Members that are ours and Cosmos DB's, not the event's.
const OUR_MEMBERS: [&str; 2] = ["seq", "ttl"];
/// What the members begin with that Cosmos DB adds (`_rid`, `_ts`, …). CloudEvents has no such names.
const SYSTEM_PREFIX: char = '_';

/// An event to keep.
#[derive(Clone, Copy, Debug)]
pub struct HistoryEvent<'a> {
    /// Its place in the outbox: the order of a subject's events.
    pub seq: i64,
    /// Its id.
    pub id: uuid::Uuid,
    /// What it happened to: the partition key.
    pub subject: &'a str,
    /// The CloudEvent as it is sent: JSON text.
    pub body: &'a str,
    /// Seconds until it is deleted; `None`: never.
    /// (<https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live>)
    pub ttl_seconds: Option<u32>,
}

impl HistoryEvent<'_> {
    /// The item of this event.
    pub(super) fn item(&self) -> Result<Map<String, Value>, serde_json::Error> {
        let mut item: Map<String, Value> = serde_json::from_str(self.body)?;
        // What the item is found by must be what the caller says, whatever the text says.
        item.insert("id".to_owned(), self.id.to_string().into());
        item.insert("subject".to_owned(), self.subject.into());
        item.insert("seq".to_owned(), self.seq.into());
        // -1 is never, whatever the container's default is.
        let ttl = self.ttl_seconds.map_or(-1, i64::from);
        item.insert("ttl".to_owned(), ttl.into());
        Ok(item)
    }
}

/// The event of an item.
pub(super) fn event(mut item: Map<String, Value>) -> Result<Box<RawValue>, serde_json::Error> {
    item.retain(|name, _| !name.starts_with(SYSTEM_PREFIX) && !OUR_MEMBERS.contains(&name.as_str()));
    serde_json::value::to_raw_value(&item)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"018f4e1c-7c4f-7a53-9a53-3d5c6f1b7c11","specversion":"1.0","subject":"orders/1","data":{"price":12.50}}"#;

    fn kept(ttl_seconds: Option<u32>) -> Map<String, Value> {
        let event = HistoryEvent {
            seq: 7,
            id: "018f4e1c-7c4f-7a53-9a53-3d5c6f1b7c11".parse().expect("an id"),
            subject: "orders/1",
            body: BODY,
            ttl_seconds,
        };
        event.item().expect("JSON")
    }

    #[test]
    fn an_item_is_the_event_with_its_place_and_its_end() {
        let item = kept(Some(86_400));
        assert_eq!((&item["seq"], &item["ttl"]), (&Value::from(7), &Value::from(86_400)));
        assert_eq!(kept(None)["ttl"], -1, "never");
    }

    #[test]
    fn what_comes_back_is_the_event() {
        let mut item = kept(None);
        for name in ["_rid", "_ts", "_etag", "_self", "_attachments"] {
            item.insert(name.to_owned(), "x".into());
        }
        let event: Value = serde_json::from_str(event(item).expect("JSON").get()).expect("JSON");
        assert_eq!(event, serde_json::from_str::<Value>(BODY).expect("JSON"));
    }

    #[test]
    fn what_is_no_json_object_is_no_event() {
        let event = HistoryEvent {
            body: "[1]",
            seq: 1,
            id: uuid::Uuid::nil(),
            subject: "x",
            ttl_seconds: None,
        };
        assert!(event.item().is_err());
    }
}
