//! One function: its name and what its `function.json` says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::binding_types::unknown_type;
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
    examine_function(name, directory, json, settings).map_err(|reasons| reasons.join("; "))
}

/// As [`parse_function`], and says everything that is wrong; there is at least one reason.
pub(super) fn examine_function(
    name: &str,
    directory: &Path,
    json: &Value,
    settings: &Settings,
) -> Result<Function, Vec<String>> {
    let mut reasons = Vec::new();
    if !is_function_name(name) {
        reasons.push(format!(
            "'{name}' is not a valid function name: a letter, then letters, digits, \"_\" and \"-\", at most 128, and \
             not \"host\""
        ));
    }
    if !json.is_object() {
        reasons.push("function.json is not an object".to_owned());
        return Err(reasons);
    }
    let file = Section::new(json, "function.json");
    let items = match file.get("bindings").value() {
        Some(Value::Array(items)) if !items.is_empty() => items.as_slice(),
        _ => {
            reasons.push("At least one binding must be declared.".to_owned());
            return Err(reasons);
        }
    };
    let bindings = read_bindings(items, settings, &mut reasons);
    if let Some(script) = keep(file.get("scriptFile").text(), &mut reasons).flatten()
        && !directory.join(&script).is_file()
    {
        reasons.push(format!(
            "scriptFile \"{script}\" does not exist; a custom handler needs none, leave it out"
        ));
    }
    let off = keep(file.get("disabled").flag(), &mut reasons).flatten();
    let retry = keep(RetryPolicy::parse(&file.get("retry")), &mut reasons).flatten();
    // A binding that cannot be read may be the trigger.
    let trigger = if bindings.len() == items.len() {
        only_trigger(&bindings, &mut reasons)
    } else {
        None
    };
    let kind = trigger.and_then(|trigger| keep(trigger.trigger(name), &mut reasons));
    match (trigger, kind) {
        (Some(trigger), Some(kind)) if reasons.is_empty() => Ok(Function {
            name: name.to_owned(),
            directory: directory.to_path_buf(),
            trigger: kind,
            trigger_name: trigger.name.clone(),
            trigger_data_type: trigger.data_type.clone(),
            disabled: off.unwrap_or(false) || settings.disables(name),
            retry,
            bindings,
        }),
        _ => Err(reasons),
    }
}

/// The bindings that can be read.
fn read_bindings(items: &[Value], settings: &Settings, reasons: &mut Vec<String>) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let Some(binding) = keep(Binding::parse(item, &format!("bindings[{index}]"), settings), reasons) else {
            continue;
        };
        if bindings
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&binding.name))
        {
            reasons.push(format!(
                "Multiple bindings with the name '{}'; binding names must be unique.",
                binding.name
            ));
        }
        if let Some(reason) = unknown_type(&binding.kind) {
            reasons.push(format!("bindings[{index}].type: {reason}"));
        }
        bindings.push(binding);
    }
    bindings
}

fn only_trigger<'a>(bindings: &'a [Binding], reasons: &mut Vec<String>) -> Option<&'a Binding> {
    let mut triggers = bindings.iter().filter(|binding| binding.is_trigger());
    let Some(trigger) = triggers.next() else {
        reasons.push("No trigger binding specified. A function must have a trigger input binding.".to_owned());
        return None;
    };
    if triggers.next().is_some() {
        reasons
            .push("Multiple trigger bindings defined. A function can only have a single trigger binding.".to_owned());
    }
    if !trigger.is_input() {
        reasons.push(format!("the trigger '{}' must have the direction in", trigger.name));
    }
    Some(trigger)
}

/// The value of `result`, or nothing; why is kept.
fn keep<T, E: ToString>(result: Result<T, E>, reasons: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| reasons.push(error.to_string())).ok()
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
    fn everything_that_is_wrong_is_said() {
        let json = json!({"retry": {"strategy": "x"}, "bindings": [
            {"type": "httpTrigger", "name": "a_b"},
            {"type": "serviceBuss", "direction": "out", "name": "out"},
            {"type": "http", "direction": "up", "name": "res"}]});
        let reasons = examine_function("1x", Path::new("."), &json, &Settings::default()).unwrap_err();
        assert_eq!(reasons.len(), 5, "{reasons:#?}");
        assert!(
            reasons
                .iter()
                .any(|reason| reason.contains("did you mean 'serviceBus'")),
            "{reasons:#?}"
        );
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
