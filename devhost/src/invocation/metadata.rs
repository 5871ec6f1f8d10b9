//! The `Metadata` of an envelope.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::BindingValue;

/// Metadata in the making.
#[derive(Debug, Clone, Default)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Adds a value, in place of one whose name differs by case at most. Names that end in "trigger" are never sent.
    pub fn insert(&mut self, name: &str, value: &BindingValue) {
        if name.to_ascii_lowercase().ends_with("trigger") {
            return;
        }
        if !self.0.contains_key(name) {
            let twin = self.0.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned();
            if let Some(twin) = twin {
                self.0.remove(&twin);
            }
        }
        self.0.insert(name.to_owned(), value.encode());
    }

    /// Adds a text, unless there is none: null is never sent.
    pub fn insert_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.insert(name, &BindingValue::text(text));
        }
    }

    /// Where `text` is a JSON object, adds its properties as the host does: scalars as texts, objects as they are, lists
    /// and nulls not at all. They hide what stands there by the same name.
    pub fn spill(&mut self, text: &str) {
        if !text.trim_start().starts_with('{') {
            return;
        }
        let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else {
            return;
        };
        for (name, value) in object {
            match value {
                Value::Null | Value::Array(_) => {}
                Value::Object(object) => self.insert(&name, &BindingValue::Object(object)),
                Value::String(text) => self.insert(&name, &BindingValue::text(text)),
                Value::Number(number) => self.insert(&name, &BindingValue::text(number.to_string())),
                // .NET's spelling of a truth value.
                Value::Bool(flag) => self.insert(&name, &BindingValue::text(if flag { "True" } else { "False" })),
            }
        }
    }

    /// Adds what the host adds to every call, unless something of that name is there.
    pub fn finish(mut self, function: &str) -> Map<String, Value> {
        if !self.0.keys().any(|known| known.eq_ignore_ascii_case("sys")) {
            let now = OffsetDateTime::now_utc();
            // .NET counts in steps of 100 ns.
            let now = now.replace_nanosecond(now.nanosecond() / 100 * 100).unwrap_or(now);
            let now = now.format(&Rfc3339).unwrap_or_default();
            self.0.insert(
                "sys".to_owned(),
                json!({"MethodName": function, "UtcNow": now, "RandGuid": Uuid::new_v4().to_string()}),
            );
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_and_nulls_are_left_out() {
        let mut metadata = Metadata::default();
        metadata.insert("TimerTrigger", &BindingValue::text("x"));
        metadata.insert_text("ReplyTo", None);
        assert_eq!(metadata.0.len(), 0);
    }

    /// Vector 32, the part of the body.
    #[test]
    fn a_json_body_spills_over_and_hides() {
        let mut metadata = Metadata::default();
        metadata.insert("MessageId", &BindingValue::text("system"));
        metadata
            .spill(r#"{"message":"hello","number":2,"yes":true,"list":[1],"none":null,"o":{"a":1},"messageid":"x"}"#);
        let metadata = metadata.finish("fn");
        assert_eq!(metadata["message"], json!("\"hello\""));
        assert_eq!(metadata["number"], json!("\"2\""));
        assert_eq!(metadata["yes"], json!("\"True\""));
        assert_eq!(metadata["o"], json!({"a": 1}));
        assert_eq!(metadata["messageid"], json!("\"x\""));
        assert!(
            !metadata.contains_key("MessageId") && !metadata.contains_key("list") && !metadata.contains_key("none")
        );
        assert_eq!(metadata["sys"]["MethodName"], json!("fn"));
    }

    #[test]
    fn only_objects_spill_and_a_body_may_bring_its_own_sys() {
        let mut metadata = Metadata::default();
        metadata.spill("[1]");
        metadata.spill("{broken");
        assert_eq!(metadata.0.len(), 0);
        metadata.spill(r#"{"sys": "mine"}"#);
        assert_eq!(metadata.finish("fn")["sys"], json!("\"mine\""));
    }
}
