//! One function: its name and what its `function.json` says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Binding, RetryPolicy, Section, Settings, Trigger};

/// A function that loads.
#[derive(Debug, Clone)]
pub struct Function {
    /// The folder's name, as written: the path of envelope calls.
    pub name: String,
    /// The folder.
    pub directory: PathBuf,
    /// Every binding, in the order of the file.
    pub bindings: Vec<Binding>,
    /// What starts it.
    pub trigger: Trigger,
    /// The name of the trigger's binding.
    pub trigger_name: String,
    /// The trigger's `dataType`.
    pub trigger_data_type: Option<String>,
    /// Switched off by a setting.
    pub disabled: bool,
    /// `retry`, else that of `host.json`.
    pub retry: Option<RetryPolicy>,
}

impl Function {
    /// Whether requests may go to the handler as they are: one input, which is the HTTP trigger, and one output, which
    /// is the HTTP response. One more binding and the envelope it is.
    pub fn is_http_only(&self) -> bool {
        let mut inputs = self.bindings.iter().filter(|binding| binding.is_input());
        let mut outputs = self.bindings.iter().filter(|binding| binding.is_output());
        let input = inputs.next().is_some_and(|binding| binding.is("httpTrigger")) && inputs.next().is_none();
        let output = outputs.next().is_some_and(|binding| binding.is("http")) && outputs.next().is_none();
        input && output
    }

    /// The bindings the function writes to.
    pub fn outputs(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(|binding| binding.is_output())
    }

    /// The type of its trigger, as written.
    pub fn trigger_kind(&self) -> &str {
        self.bindings
            .iter()
            .find(|binding| binding.is_trigger())
            .map_or("", |binding| &binding.kind)
    }
}

/// Reads a function from the JSON of its `function.json`. The error is for people and says what to mend.
pub fn parse_function(name: &str, directory: &Path, json: &Value, settings: &Settings) -> Result<Function, String> {
    if !is_function_name(name) {
        return Err(format!(
            "'{name}' is not a valid function name: a letter, then letters, digits, \"_\" and \"-\", at most 128, and \
             not \"host\""
        ));
    }
    if !json.is_object() {
        return Err("function.json is not an object".to_owned());
    }
    let file = Section::new(json, "function.json");
    let Some(Value::Array(items)) = file.get("bindings").value() else {
        return Err("At least one binding must be declared.".to_owned());
    };
    if items.is_empty() {
        return Err("At least one binding must be declared.".to_owned());
    }
    let mut bindings: Vec<Binding> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let binding = Binding::parse(item, &format!("bindings[{index}]"), settings)?;
        if bindings
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&binding.name))
        {
            return Err(format!(
                "Multiple bindings with the name '{}'; binding names must be unique.",
                binding.name
            ));
        }
        bindings.push(binding);
    }
    let mut triggers = bindings.iter().filter(|binding| binding.is_trigger());
    let Some(trigger) = triggers.next() else {
        return Err("No trigger binding specified. A function must have a trigger input binding.".to_owned());
    };
    if triggers.next().is_some() {
        return Err("Multiple trigger bindings defined. A function can only have a single trigger binding.".to_owned());
    }
    if !trigger.is_input() {
        return Err(format!("the trigger '{}' must have the direction in", trigger.name));
    }
    if let Some(script) = file.get("scriptFile").text().map_err(|error| error.to_string())?
        && !directory.join(&script).is_file()
    {
        return Err(format!(
            "scriptFile \"{script}\" does not exist; a custom handler needs none, leave it out"
        ));
    }
    let kind = trigger.trigger(name)?;
    let (trigger_name, trigger_data_type) = (trigger.name.clone(), trigger.data_type.clone());
    let off = file
        .get("disabled")
        .flag()
        .map_err(|error| error.to_string())?
        .unwrap_or(false);
    Ok(Function {
        name: name.to_owned(),
        directory: directory.to_path_buf(),
        trigger: kind,
        trigger_name,
        trigger_data_type,
        bindings,
        disabled: off || settings.disables(name),
        retry: RetryPolicy::parse(&file.get("retry"))?,
    })
}

fn is_function_name(name: &str) -> bool {
    !name.eq_ignore_ascii_case("host")
        && name.len() <= 128
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(name: &str, json: &Value) -> Result<Function, String> {
        parse_function(name, Path::new("."), json, &Settings::default())
    }

    fn http(extra: &Value) -> Value {
        let mut bindings = vec![
            json!({"type": "httpTrigger", "direction": "in", "name": "req", "methods": ["get"], "route": "x/{id:int}"}),
            json!({"type": "http", "direction": "out", "name": "res"}),
        ];
        bindings.extend(extra.as_array().cloned().unwrap_or_default());
        json!({"bindings": bindings})
    }

    #[test]
    fn one_trigger_and_one_response_is_http_only() {
        assert!(parse("orders_get", &http(&json!([]))).unwrap().is_http_only());
        let queue = json!([{"type": "serviceBus", "direction": "out", "name": "out", "queueName": "q"}]);
        assert!(!parse("orders_get", &http(&queue)).unwrap().is_http_only());
    }

    #[test]
    fn says_what_is_wrong() {
        for (name, json, words) in [
            ("1x", http(&json!([])), "not a valid function name"),
            ("host", http(&json!([])), "not a valid function name"),
            ("x", json!({"bindings": []}), "At least one binding"),
            (
                "x",
                http(&json!([{"type": "queueTrigger", "name": "q"}])),
                "Multiple trigger",
            ),
            (
                "x",
                http(&json!([{"type": "queue", "direction": "out", "name": "RES"}])),
                "must be unique",
            ),
            (
                "x",
                http(&json!([{"type": "queue", "direction": "out", "name": "a_b"}])),
                "not valid",
            ),
            (
                "x",
                http(&json!([{"type": "queue", "direction": "in", "name": "$return"}])),
                "direction out",
            ),
            (
                "x",
                http(&json!([{"type": "queue", "direction": "out", "name": "q", "queueName": "%No%"}])),
                "%No%",
            ),
            (
                "x",
                json!({"bindings": [{"type": "http", "direction": "out", "name": "res"}]}),
                "No trigger",
            ),
            (
                "x",
                json!({"bindings": [{"type": "serviceBusTrigger", "name": "m", "topicName": "t"}]}),
                "queueName",
            ),
        ] {
            let error = parse(name, &json).unwrap_err();
            assert!(error.contains(words), "{error:?} should say {words:?}");
        }
    }

    #[test]
    fn reads_a_subscription() {
        let json = json!({"bindings": [{"type": "serviceBusTrigger", "name": "m", "topicName": "t",
            "subscriptionName": "s", "cardinality": "many", "dataType": "string", "connection": "SB"}]});
        let function = parse("x", &json).unwrap();
        let Trigger::ServiceBus(trigger) = function.trigger else {
            panic!("not a service bus trigger")
        };
        assert_eq!(trigger.entity, "t/Subscriptions/s");
        assert!(trigger.many);
        assert_eq!(trigger.connection, "SB");
    }
}
