//! A view of one JSON object with the manners of .NET configuration: keys are found whatever their case, and numbers and
//! booleans may be written as strings.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{ConfigError, parse_timespan};

/// One object of a configuration file and its place in it, for messages.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    value: Option<&'a Value>,
    place: String,
}

impl<'a> Section<'a> {
    /// The whole of `value`, called `place` in messages.
    pub fn new(value: &'a Value, place: impl Into<String>) -> Self {
        Self {
            value: Some(value),
            place: place.into(),
        }
    }

    /// The member `key`, or nothing; asking further of nothing is nothing.
    #[must_use]
    pub fn get(&self, key: &str) -> Section<'a> {
        let value = self
            .value
            .and_then(Value::as_object)
            .and_then(|object| find(object, key));
        Section {
            value: value.filter(|value| !value.is_null()),
            place: format!("{}.{key}", self.place),
        }
    }

    /// Whether there is anything here.
    pub fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// The JSON itself.
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// Text; numbers and booleans count as theirs.
    pub fn text(&self) -> Result<Option<String>, ConfigError> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(_) => Err(self.wrong("text")),
        }
    }

    /// A truth value, or its text in any case.
    pub fn flag(&self) -> Result<Option<bool>, ConfigError> {
        match self.value {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong("true or false")),
        }
    }

    /// A whole number, or its text.
    pub fn integer(&self) -> Result<Option<i64>, ConfigError> {
        match self.value {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_i64().map(Some).ok_or_else(|| self.wrong("a whole number")),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| self.wrong("a whole number")),
            Some(_) => Err(self.wrong("a whole number")),
        }
    }

    /// A count of at least one, or its text.
    pub fn count(&self) -> Result<Option<usize>, ConfigError> {
        match self.integer()? {
            None => Ok(None),
            Some(number) if number >= 1 => Ok(Some(number as usize)),
            Some(_) => Err(self.wrong("a whole number of at least 1")),
        }
    }

    /// A duration, as .NET writes it.
    pub fn timespan(&self) -> Result<Option<Duration>, ConfigError> {
        match self.text()? {
            None => Ok(None),
            Some(text) => parse_timespan(&text)
                .map(Some)
                .ok_or_else(|| self.wrong("a duration such as \"00:00:30\"")),
        }
    }

    /// A list of texts; absent is empty.
    pub fn texts(&self) -> Result<Vec<String>, ConfigError> {
        let wrong = || self.wrong("a list of texts");
        match self.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    Value::Bool(flag) => Ok(flag.to_string()),
                    _ => Err(wrong()),
                })
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// The elements of a list; absent is empty. An object whose keys are numbers, as settings make one, is a list, too.
    pub fn items(&self) -> Result<Vec<Section<'a>>, ConfigError> {
        let element = |(index, value): (usize, &'a Value)| Section {
            value: Some(value).filter(|value| !value.is_null()),
            place: format!("{}[{index}]", self.place),
        };
        match self.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.iter().enumerate().map(element).collect()),
            Some(Value::Object(object)) if object.keys().all(|key| key.parse::<usize>().is_ok()) => {
                Ok(object.values().enumerate().map(element).collect())
            }
            Some(_) => Err(self.wrong("a list")),
        }
    }

    /// The error of a value that is not what is `wanted`.
    pub(super) fn wrong(&self, wanted: &str) -> ConfigError {
        let found = self.value.map(ToString::to_string).unwrap_or_default();
        ConfigError::Invalid(format!("{} must be {wanted}, not {found}", self.place))
    }
}

/// The member `key` of `object`, whatever its case.
pub(super) fn find<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).or_else(|| {
        object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    })
}

/// Puts `value` at `path`, making what is missing on the way. A path of numbers is a list.
pub(super) fn put(root: &mut Value, path: &[&str], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *root = value;
        return;
    };
    if let Ok(index) = key.parse::<usize>()
        && index < 10_000
        && !root.is_object()
    {
        if !root.is_array() {
            *root = Value::Array(Vec::new());
        }
        if let Value::Array(items) = root {
            if items.len() <= index {
                items.resize(index + 1, Value::Null);
            }
            put(&mut items[index], rest, value);
        }
        return;
    }
    if !root.is_object() {
        *root = Value::Object(Map::new());
    }
    if let Value::Object(object) = root {
        let name = object.keys().find(|name| name.eq_ignore_ascii_case(key)).cloned();
        put(
            object
                .entry(name.unwrap_or_else(|| (*key).to_owned()))
                .or_insert(Value::Null),
            rest,
            value,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_keys_in_any_case_and_numbers_in_text() {
        let value = json!({"Extensions": {"serviceBus": {"MaxConcurrentCalls": "7"}}});
        let section = Section::new(&value, "host.json");
        let calls = section.get("extensions").get("servicebus").get("maxConcurrentCalls");
        assert_eq!(calls.count().unwrap(), Some(7));
        assert!(!section.get("none").get("none").exists());
    }

    #[test]
    fn says_where_a_value_is_wrong() {
        let value = json!({"port": "x"});
        let error = Section::new(&value, "host.json").get("port").integer().unwrap_err();
        assert_eq!(error.to_string(), "host.json.port must be a whole number, not \"x\"");
    }

    #[test]
    fn puts_into_lists_and_objects() {
        let mut value = json!({"customHandler": {"description": {}}});
        put(
            &mut value,
            &["CustomHandler", "description", "arguments", "1"],
            json!("b"),
        );
        put(&mut value, &["functions", "0"], json!("one"));
        assert_eq!(
            value,
            json!({"customHandler": {"description": {"arguments": [null, "b"]}}, "functions": ["one"]})
        );
    }
}
