//! AMQP values as JSON: what the host shows of application properties.

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::value::Value;

/// Numbers, text and truth stay what they are; times are RFC 3339, and bytes are text.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Ubyte(n) => (*n).into(),
        Value::Ushort(n) => (*n).into(),
        Value::Uint(n) => (*n).into(),
        Value::Ulong(n) => (*n).into(),
        Value::Byte(n) => (*n).into(),
        Value::Short(n) => (*n).into(),
        Value::Int(n) => (*n).into(),
        Value::Long(n) => (*n).into(),
        Value::Float(n) => f64::from(*n).into(),
        Value::Double(n) => (*n).into(),
        Value::Char(c) => c.to_string().into(),
        Value::Timestamp(at) => {
            let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*at) * 1_000_000).ok();
            time.and_then(|time| time.format(&Rfc3339).ok())
                .map_or_else(|| (*at).into(), Json::from)
        }
        Value::Uuid(id) => id.to_string().into(),
        Value::Binary(bytes) | Value::Decimal(bytes) => String::from_utf8_lossy(bytes).into(),
        Value::String(text) | Value::Symbol(text) => text.as_str().into(),
        Value::List(items) | Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (key_text(key), to_json(value)))
                .collect(),
        ),
        Value::Described(described) => to_json(&described.1),
    }
}

fn key_text(key: &Value) -> String {
    match to_json(key) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}
