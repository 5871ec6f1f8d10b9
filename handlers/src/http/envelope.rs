//! Invocations that are not HTTP requests of their own: the host posts `{"Data": …, "Metadata": …}` to `/<function>`.
//!
//! The host encodes most values twice: a string, number, boolean, array or null arrives as a JSON string that holds its JSON
//! text, objects arrive as they are. So each value is read as what it is, and where that is a string, as what the string
//! holds. An answer is JSON with status 200 and never empty: an empty one would hang until the host's time-out.

use super::{Answer, Context, Problem, activity, body, idempotency::hex, json, problem, write};
use axum::extract::{FromRequest, Request};
use inventory_app::{App, Caller, TraceParent, orders::IncomingMessage};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};
use std::{borrow::Cow, collections::HashMap};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: HashMap<Cow<'a, str>, &'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<HashMap<Cow<'a, str>, &'a RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Done {
    outputs: HashMap<&'static str, Value>,
    logs: Vec<String>,
    return_value: Option<Value>,
}

/// The answer to an invocation that has done its work: `report` becomes a line in the function's log.
pub(crate) fn done<T: Serialize>(what: &str, report: &T) -> Answer {
    let report = serde_json::to_string(report).unwrap_or_default();
    json(&Done {
        outputs: HashMap::new(),
        logs: vec![format!("{what}: {report}")],
        return_value: None,
    })
}

/// An invocation by a timer.
pub(crate) struct Tick {
    pub(crate) app: App,
    pub(crate) caller: Caller,
}

impl FromRequest<Context> for Tick {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        // What it says (schedule, whether it is late) changes nothing: each timer does what is due.
        body::arrived(body).await?;
        Ok(Self {
            app: context.app().clone(),
            caller: write::asking(&mut parts, context),
        })
    }
}

/// An invocation with messages of a queue.
pub(crate) struct Batch {
    pub(crate) app: App,
    pub(crate) caller: Caller,
    pub(crate) messages: Vec<IncomingMessage>,
}

impl FromRequest<Context> for Batch {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let bytes = body::arrived(body).await?;
        let messages = messages(&bytes).map_err(|detail| {
            tracing::error!(detail, "an invocation cannot be read");
            Problem::new(problem::MALFORMED_ENVELOPE, detail)
        })?;
        activity::tell(|span| {
            for trace in messages.iter().filter_map(|message| message.trace) {
                span.link(trace);
            }
        });
        Ok(Self {
            app: context.app().clone(),
            caller: write::asking(&mut parts, context),
            messages,
        })
    }
}

/// The messages of an invocation. What cannot be read is an error, so that the queue keeps it: a batch must never be taken
/// for an empty one.
fn messages(envelope: &[u8]) -> Result<Vec<IncomingMessage>, String> {
    let envelope: Envelope = serde_json::from_slice(envelope).map_err(|error| place(&error))?;
    let data = match envelope.data.get("messages") {
        Some(data) => data,
        // Whatever the binding is called, a trigger has one value.
        None if envelope.data.len() == 1 => envelope.data.values().next().ok_or("no data")?,
        None => return Err("Data has no messages".to_owned()),
    };
    let bodies = bodies(data)?;
    let metadata = Metadata::of(&envelope.metadata.unwrap_or_default());
    Ok(bodies
        .into_iter()
        .enumerate()
        .map(|(index, body)| IncomingMessage {
            message_id: metadata.message_id(index, &body),
            delivery_count: metadata.delivery_counts.get(index).copied().flatten().unwrap_or(1),
            dead_letter: metadata.dead_letter(index),
            trace: metadata.trace(index),
            body,
        })
        .collect())
}

/// The bodies in a trigger's value: an array in a string, an array, or one message.
fn bodies(data: &RawValue) -> Result<Vec<String>, String> {
    let Some(outer) = text(data) else {
        return match data.get().as_bytes().first() {
            Some(b'[') => elements(data.get()),
            Some(b'n') | None => Err("Data has no messages".to_owned()),
            Some(_) => Ok(vec![data.get().to_owned()]),
        };
    };
    match serde_json::from_str::<&RawValue>(&outer) {
        Ok(inner) => match inner.get().as_bytes().first() {
            Some(b'[') => elements(inner.get()),
            Some(b'"') => Ok(vec![text(inner).unwrap_or(outer)]),
            Some(b'n') => Err("Data has no messages".to_owned()),
            _ => Ok(vec![outer]),
        },
        Err(_) => Ok(vec![outer]),
    }
}

/// The elements of an array of bodies. With `dataType: string` each is a string; without it the host has parsed them.
fn elements(array: &str) -> Result<Vec<String>, String> {
    let elements: Vec<&RawValue> = serde_json::from_str(array).map_err(|error| place(&error))?;
    Ok(elements
        .into_iter()
        .map(|element| text(element).unwrap_or_else(|| element.get().to_owned()))
        .collect())
}

/// What is wrong with JSON, and where; without what stands there, since this is logged.
fn place(error: &serde_json::Error) -> String {
    let (what, line, column) = (error.classify(), error.line(), error.column());
    format!("{what:?} error at line {line} column {column}")
}

fn text(raw: &RawValue) -> Option<String> {
    raw.get()
        .starts_with('"')
        .then(|| serde_json::from_str(raw.get()).ok())
        .flatten()
}

/// A value that may be encoded twice.
fn decode<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    match text(raw) {
        Some(inner) => serde_json::from_str(&inner)
            .ok()
            .or_else(|| serde_json::from_str(raw.get()).ok()),
        None => serde_json::from_str(raw.get()).ok(),
    }
}

/// What the host says about the messages. Each may be missing, shorter than the batch, or hold nulls.
#[derive(Default)]
struct Metadata {
    message_ids: Vec<Option<String>>,
    delivery_counts: Vec<Option<i64>>,
    sequence_numbers: Vec<Option<i64>>,
    enqueued_times: Vec<Option<String>>,
    properties: Vec<Option<HashMap<String, Value>>>,
    dead_letter_reasons: Vec<Option<String>>,
    dead_letter_descriptions: Vec<Option<String>>,
}

impl Metadata {
    fn of(metadata: &HashMap<Cow<'_, str>, &RawValue>) -> Self {
        /// The values of `<name>Array`, else the one value of `<name>`.
        fn list<T: DeserializeOwned>(metadata: &HashMap<Cow<'_, str>, &RawValue>, name: &str) -> Vec<Option<T>> {
            let array = metadata.get(format!("{name}Array").as_str());
            // Each on its own: one that is not what was expected does not hide the others.
            let many = array.and_then(|raw| decode::<Vec<Value>>(raw)).map(|values| {
                values
                    .into_iter()
                    .map(|value| serde_json::from_value(value).ok())
                    .collect()
            });
            many.unwrap_or_else(|| {
                let one = metadata.get(name).map(|raw| decode(raw));
                one.into_iter().collect()
            })
        }
        let mut properties = list(metadata, "ApplicationProperties");
        if properties.is_empty() {
            properties = list(metadata, "UserProperties");
        }
        Self {
            message_ids: list(metadata, "MessageId"),
            delivery_counts: list(metadata, "DeliveryCount"),
            sequence_numbers: list(metadata, "SequenceNumber"),
            enqueued_times: list(metadata, "EnqueuedTimeUtc"),
            properties,
            dead_letter_reasons: list(metadata, "DeadLetterReason"),
            dead_letter_descriptions: list(metadata, "DeadLetterErrorDescription"),
        }
    }

    /// The message's id. Without one it is made of what the broker gave the message, which is the same at each delivery (a
    /// sequence number alone starts again when a queue is made anew); without even that, of the body.
    fn message_id(&self, index: usize, body: &str) -> String {
        if let Some(Some(id)) = self.message_ids.get(index)
            && !id.is_empty()
        {
            return id.clone();
        }
        if let Some(Some(number)) = self.sequence_numbers.get(index) {
            return match self.enqueued_times.get(index) {
                Some(Some(time)) => format!("sequence:{number}@{time}"),
                _ => format!("sequence:{number}"),
            };
        }
        format!("body:{}", hex(&Sha256::digest(body.as_bytes())))
    }

    /// Where in which trace the message was sent: as W3C names it, else as Azure's SDKs do.
    fn trace(&self, index: usize) -> Option<TraceParent> {
        let properties = self.properties.get(index)?.as_ref()?;
        ["traceparent", "Diagnostic-Id"]
            .iter()
            .find_map(|name| properties.get(*name)?.as_str()?.parse().ok())
    }

    /// Why the broker gave up on the message: `reason: description`.
    fn dead_letter(&self, index: usize) -> Option<String> {
        // A property of the message, or beside the properties, where newer hosts put it.
        let find = |name: &str, own: &[Option<String>]| {
            let properties = self.properties.get(index).and_then(Option::as_ref);
            let property = properties.and_then(|properties| properties.get(name)?.as_str());
            property
                .map(str::to_owned)
                .or_else(|| own.get(index).cloned().flatten())
        };
        let reason = find("DeadLetterReason", &self.dead_letter_reasons);
        let description = find("DeadLetterErrorDescription", &self.dead_letter_descriptions);
        match (reason, description) {
            (Some(reason), Some(description)) => Some(format!("{reason}: {description}")),
            (reason, description) => reason.or(description),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(envelope: &Value) -> Vec<IncomingMessage> {
        messages(envelope.to_string().as_bytes()).unwrap()
    }

    fn bodies_of(data: &Value) -> Vec<String> {
        read(&json!({ "Data": { "messages": data } }))
            .into_iter()
            .map(|message| message.body)
            .collect()
    }

    #[test]
    fn a_batch_is_an_array_in_a_string() {
        let found = read(&json!({
            "Data": { "messages": "[\"{\\\"customer\\\":\\\"C\\\"}\",\"b\"]" },
            "Metadata": {
                "MessageIdArray": "[\"1\",null]",
                "DeliveryCountArray": "[1,3]",
                "SequenceNumberArray": "[7,8]",
                "EnqueuedTimeUtcArray": "[\"2026-01-01T00:00:00Z\",\"2026-01-01T00:00:01Z\"]",
                "sys": { "MethodName": "orders_process" },
            }
        }));
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].body.as_str(), found[0].message_id.as_str()),
            (r#"{"customer":"C"}"#, "1")
        );
        assert_eq!(found[0].delivery_count, 1);
        assert_eq!(
            (found[1].body.as_str(), found[1].message_id.as_str()),
            ("b", "sequence:8@2026-01-01T00:00:01Z")
        );
        assert_eq!(found[1].delivery_count, 3);
    }

    #[test]
    fn every_encoding_gives_the_same_bodies() {
        let order = r#"{"a":1}"#;
        // Twice encoded (what the host does), once (what its documentation shows), parsed (without dataType), and one message.
        assert_eq!(bodies_of(&json!(json!([order, "x"]).to_string())), [order, "x"]);
        assert_eq!(bodies_of(&json!([order, "x"])), [order, "x"]);
        assert_eq!(bodies_of(&json!(json!([{"a": 1}]).to_string())), [order]);
        assert_eq!(bodies_of(&json!(json!(order).to_string())), [order]);
        assert_eq!(bodies_of(&json!(order)), [order]);
        assert_eq!(bodies_of(&json!({"a": 1})), [order]);
        assert_eq!(bodies_of(&json!("not json")), ["not json"]);
        assert_eq!(bodies_of(&json!("[]")), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        for envelope in [
            json!({}),
            json!({ "Data": {} }),
            json!({ "Data": { "messages": null } }),
            json!([]),
        ] {
            assert!(messages(envelope.to_string().as_bytes()).is_err(), "{envelope}");
        }
        assert!(messages(b"").is_err());
    }

    #[test]
    fn missing_metadata_does_not_stop_a_batch() {
        let found =
            read(&json!({ "Data": { "other": "[\"a\",\"b\",\"a\"]" }, "Metadata": { "MessageIdArray": "[\"1\"]" } }));
        assert_eq!(found[0].message_id, "1");
        assert!(found[1].message_id.starts_with("body:"));
        assert_eq!(found[2].delivery_count, 1);
        let again = read(&json!({ "Data": { "other": "[\"b\"]" } }));
        assert_eq!(again[0].message_id, found[1].message_id, "the same at each delivery");
    }

    #[test]
    fn one_message_has_single_metadata() {
        let found = read(&json!({
            "Data": { "messages": "\"x\"" },
            "Metadata": { "MessageId": "\"m-1\"", "DeliveryCount": "2" }
        }));
        assert_eq!((found[0].message_id.as_str(), found[0].delivery_count), ("m-1", 2));
    }

    #[test]
    fn a_message_tells_its_place_in_a_trace() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let other = trace.replace("b7ad", "c7ad");
        let properties = json!([
            { "traceparent": trace, "Diagnostic-Id": other },
            { "Diagnostic-Id": trace },
            { "traceparent": "nonsense", "Diagnostic-Id": trace },
            { "traceparent": 7 },
            {},
            null,
        ]);
        let found = read(&json!({
            "Data": { "messages": json!(["a", "b", "c", "d", "e", "f", "g"]).to_string() },
            "Metadata": { "ApplicationPropertiesArray": properties.to_string() }
        }));
        let traces: Vec<_> = found
            .iter()
            .map(|message| message.trace.map(|t| t.to_string()))
            .collect();
        let trace = Some(trace.to_owned());
        assert_eq!(traces, [trace.clone(), trace.clone(), trace, None, None, None, None]);
    }

    #[test]
    fn the_reason_of_a_dead_letter_is_found_where_either_host_puts_it() {
        let in_properties =
            json!([{ "DeadLetterReason": "MaxDeliveryCountExceeded", "DeadLetterErrorDescription": "10 times" }]);
        let found = read(&json!({
            "Data": { "messages": "[\"x\"]" },
            "Metadata": { "ApplicationPropertiesArray": in_properties.to_string() }
        }));
        assert_eq!(
            found[0].dead_letter.as_deref(),
            Some("MaxDeliveryCountExceeded: 10 times")
        );
        let found = read(&json!({
            "Data": { "messages": "[\"x\"]" },
            "Metadata": { "DeadLetterReasonArray": "[\"TTLExpiredException\"]" }
        }));
        assert_eq!(found[0].dead_letter.as_deref(), Some("TTLExpiredException"));
    }
}
