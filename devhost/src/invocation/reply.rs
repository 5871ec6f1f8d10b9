//! What the handler may answer to an envelope.

use serde_json::{Map, Value};

use super::InvokeError;

const SHOWN_BODY_CHARS: usize = 500;

/// An accepted answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// `Outputs`; `None` where it is absent or null.
    pub outputs: Option<Map<String, Value>>,
    /// `Logs`.
    pub logs: Vec<String>,
    /// `ReturnValue`, null where there is none.
    pub return_value: Value,
}

impl Reply {
    /// Accepts or refuses an answer by the host's rules, but for the empty one, which the host would wait on forever.
    pub fn accept(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Self, InvokeError> {
        if !(200..300).contains(&status) {
            return Err(InvokeError::Status(status));
        }
        if body.is_empty() {
            return Err(InvokeError::Empty);
        }
        let essence = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !essence.eq_ignore_ascii_case("application/json") && !essence.eq_ignore_ascii_case("text/json") {
            let named = if essence.is_empty() { "(none)" } else { essence };
            return Err(InvokeError::MediaType(named.to_owned()));
        }
        let wrong = |reason: String| InvokeError::Json {
            status,
            body: String::from_utf8_lossy(body).chars().take(SHOWN_BODY_CHARS).collect(),
            reason,
        };
        let object = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(object)) => object,
            Ok(Value::Null) => return Err(InvokeError::Empty),
            Ok(_) => return Err(wrong("the body is not an object".to_owned())),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let mut reply = Self::default();
        for (key, value) in object {
            if key.eq_ignore_ascii_case("outputs") {
                reply.outputs = match value {
                    Value::Null => None,
                    Value::Object(outputs) => Some(outputs),
                    _ => return Err(wrong("Outputs is not an object".to_owned())),
                };
            } else if key.eq_ignore_ascii_case("logs") {
                reply.logs = logs(value).ok_or_else(|| wrong("Logs is not a list of texts".to_owned()))?;
            } else if key.eq_ignore_ascii_case("returnvalue") {
                reply.return_value = value;
            }
        }
        Ok(reply)
    }
}

fn logs(value: Value) -> Option<Vec<String>> {
    let items = match value {
        Value::Null => return Some(Vec::new()),
        Value::Array(items) => items,
        _ => return None,
    };
    items
        .into_iter()
        .filter(|item| !item.is_null())
        .map(|item| match item {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn accept(status: u16, kind: &str, body: &str) -> Result<Reply, InvokeError> {
        Reply::accept(status, Some(kind), body.as_bytes())
    }

    /// Vector 12.
    #[test]
    fn outputs_logs_and_return_value() {
        let reply = accept(
            200,
            "application/json; charset=utf-8",
            r#"{"outputs":{"output1":"output1Value","output2":"output2Value"},
                "LOGS":["invocation log1","invocation log2"],"ReturnValue":"Hello return"}"#,
        )
        .unwrap();
        assert_eq!(reply.outputs.unwrap().len(), 2);
        assert_eq!(reply.logs, ["invocation log1", "invocation log2"]);
        assert_eq!(reply.return_value, json!("Hello return"));
    }

    /// Vector 14.
    #[test]
    fn unknown_keys_are_no_failure() {
        assert_eq!(
            accept(200, "application/json", r#"{"key1":"value1","key2":"value2"}"#).unwrap(),
            Reply::default()
        );
        assert_eq!(accept(204, "text/json", "{}").unwrap(), Reply::default());
    }

    /// Vectors 15 to 17 and 39.
    #[test]
    fn everything_else_is() {
        let error = accept(200, "application/json", "Hello World").unwrap_err().to_string();
        assert!(
            error.contains("Hello World") && error.contains("StatusCode: 200"),
            "{error}"
        );
        assert!(matches!(
            accept(200, "text/plain", "TestMessage"),
            Err(InvokeError::MediaType(_))
        ));
        assert!(matches!(
            accept(200, "application/problem+json", "{}"),
            Err(InvokeError::MediaType(_))
        ));
        assert!(matches!(
            Reply::accept(200, None, b"{}"),
            Err(InvokeError::MediaType(_))
        ));
        assert!(matches!(
            accept(400, "application/json", "{}"),
            Err(InvokeError::Status(400))
        ));
        assert!(matches!(
            accept(302, "application/json", "{}"),
            Err(InvokeError::Status(302))
        ));
        assert!(matches!(accept(200, "application/json", ""), Err(InvokeError::Empty)));
        assert!(matches!(
            accept(200, "application/json", " null "),
            Err(InvokeError::Empty)
        ));
        assert!(matches!(
            accept(200, "application/json", r#"{"Logs":[{"a":1}]}"#),
            Err(InvokeError::Json { .. })
        ));
        assert!(matches!(
            accept(200, "application/json", r#"{"Outputs":"x"}"#),
            Err(InvokeError::Json { .. })
        ));
    }
}
