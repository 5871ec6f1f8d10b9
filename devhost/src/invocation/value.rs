//! How one value of a binding looks inside an envelope.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const DATE_TIME: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// A value before it is encoded. The Functions host has one rule for all of them, and it is a strange one: everything
/// but bytes, times and objects becomes a JSON string that holds JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum BindingValue {
    /// Bytes: base64, once.
    Bytes(Bytes),
    /// A .NET `DateTime` in UTC: without an offset, whole seconds.
    DateTime(OffsetDateTime),
    /// A .NET `DateTimeOffset` in UTC: with `+00:00`, whole seconds.
    DateTimeOffset(OffsetDateTime),
    /// An object: nested as it is.
    Object(Map<String, Value>),
    /// Text, a number, a truth value, a list or null: JSON text in a JSON string.
    Json(Value),
}

impl BindingValue {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Json(Value::String(text.into()))
    }

    /// The form in the envelope.
    pub fn encode(&self) -> Value {
        Value::String(match self {
            Self::Bytes(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
            Self::DateTime(time) => date_time(*time),
            Self::DateTimeOffset(time) => date_time(*time) + "+00:00",
            Self::Json(value) => value.to_string(),
            Self::Object(object) => return Value::Object(object.clone()),
        })
    }
}

fn date_time(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(DATE_TIME)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    /// Vectors 5 and 6.
    #[test]
    fn texts_and_numbers_are_json_in_a_string() {
        assert_eq!(BindingValue::text("HelloWorld").encode(), json!("\"HelloWorld\""));
        assert_eq!(BindingValue::Json(json!(4)).encode(), json!("4"));
        assert_eq!(BindingValue::Json(json!(true)).encode(), json!("true"));
        assert_eq!(BindingValue::Json(Value::Null).encode(), json!("null"));
        assert_eq!(BindingValue::Json(json!(["a", "b"])).encode(), json!("[\"a\",\"b\"]"));
        assert_eq!(BindingValue::text("{\"a\":1}").encode(), json!("\"{\\\"a\\\":1}\""));
    }

    /// Vector 7.
    #[test]
    fn times_are_not_quoted_twice_and_lose_their_fraction() {
        let time = datetime!(2019-10-01 00:00:00.5 UTC);
        assert_eq!(BindingValue::DateTime(time).encode(), json!("2019-10-01T00:00:00"));
        assert_eq!(
            BindingValue::DateTimeOffset(time).encode(),
            json!("2019-10-01T00:00:00+00:00")
        );
    }

    /// Vector 8.
    #[test]
    fn objects_stay_objects() {
        let object = json!({"Name": "TestName", "Id": 1234});
        assert_eq!(
            BindingValue::Object(object.as_object().cloned().unwrap()).encode(),
            object
        );
    }

    #[test]
    fn bytes_are_base64_once() {
        assert_eq!(
            BindingValue::Bytes(Bytes::from_static(&[0xff, 0])).encode(),
            json!("/wA=")
        );
    }
}
