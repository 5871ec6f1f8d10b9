//! The host takes every text output that happens to be base64 for bytes.

use base64::Engine as _;
use serde_json::Value;

/// What the host holds for one output value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OutputValue {
    Json(Value),
    /// The text could be read as base64 and the binding does not say `dataType: binary`.
    Bytes(Vec<u8>),
}

/// Applies the rule of the host to one output.
pub(crate) fn interpret(value: &Value, data_type: Option<&str>) -> OutputValue {
    match value {
        Value::String(text) if data_type != Some("binary") => match decode(text) {
            Some(bytes) => OutputValue::Bytes(bytes),
            None => OutputValue::Json(value.clone()),
        },
        _ => OutputValue::Json(value.clone()),
    }
}

/// .NET's `Convert.FromBase64String`: white space does not count, padding does.
fn decode(text: &str) -> Option<Vec<u8>> {
    let packed: String = text
        .chars()
        .filter(|character| !matches!(character, ' ' | '\t' | '\r' | '\n'))
        .collect();
    if packed.is_empty() {
        return None;
    }
    base64::engine::general_purpose::STANDARD.decode(packed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Vector 19.
    #[test]
    fn base64_becomes_bytes_unless_binary() {
        let text = json!("b3V0cHV0MVZhbHVl");
        assert_eq!(interpret(&text, None), OutputValue::Bytes(b"output1Value".to_vec()));
        assert_eq!(interpret(&text, Some("binary")), OutputValue::Json(text));
    }

    /// Vector 12, its note.
    #[test]
    fn ordinary_words_may_be_base64() {
        for text in ["test", "true", "abcd1234", "output1Value"] {
            assert!(matches!(interpret(&json!(text), None), OutputValue::Bytes(_)), "{text}");
        }
        for text in ["Hello return", "", "abc", "a-b_"] {
            assert!(matches!(interpret(&json!(text), None), OutputValue::Json(_)), "{text}");
        }
        assert!(matches!(interpret(&json!({"a": 1}), None), OutputValue::Json(_)));
    }
}
