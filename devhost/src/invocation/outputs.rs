//! What becomes of the outputs of an accepted reply.

use serde_json::{Map, Value};

use super::base64_trap::{OutputValue, interpret};
use super::{CosmosFiles, CosmosTarget, InvokeError, Reply};
use crate::config::{Binding, Function};
use crate::console::Console;
use crate::servicebus::{Broker, BrokerMessage};

/// Writes outputs other than the HTTP response.
#[derive(Clone)]
pub struct Outputs {
    broker: Option<Broker>,
    cosmos: CosmosFiles,
    console: Console,
}

impl Outputs {
    /// Service Bus outputs go to `broker`, Cosmos DB outputs to files.
    pub fn new(broker: Option<Broker>, cosmos: CosmosFiles, console: Console) -> Self {
        Self {
            broker,
            cosmos,
            console,
        }
    }

    /// Writes every output of `reply` that `function` declares. The first failure fails the invocation; what was written
    /// before it stays written, as on the host.
    pub async fn write(&self, function: &Function, reply: &Reply) -> Result<(), InvokeError> {
        let named = named_outputs(function, reply);
        for binding in function.outputs() {
            if binding.is("http") {
                continue;
            }
            let value = if binding.name == "$return" {
                Some(&reply.return_value)
            } else {
                named.get(&binding.name)
            };
            let Some(value) = value.filter(|value| !value.is_null()) else {
                continue;
            };
            let failed = |reason: String| InvokeError::Output {
                name: binding.name.clone(),
                reason,
            };
            if binding.is("cosmosDB") {
                let target = CosmosTarget::of(binding).map_err(failed)?;
                let documents = documents(binding, value).map_err(failed)?;
                let cosmos = self.cosmos.clone();
                let written = tokio::task::spawn_blocking(move || cosmos.upsert(&target, documents)).await;
                written.unwrap_or_else(|error| Err(error.to_string())).map_err(failed)?;
                continue;
            }
            if !binding.is("serviceBus") {
                return Err(failed(format!("this host cannot write to the type '{}'", binding.kind)));
            }
            let entity = entity(binding).map_err(failed)?;
            let messages = self.messages(function, binding, value);
            let Some(broker) = &self.broker else {
                return Err(failed("there is no Service Bus".to_owned()));
            };
            broker
                .send(&entity, messages)
                .await
                .map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }

    fn messages(&self, function: &Function, binding: &Binding, value: &Value) -> Vec<BrokerMessage> {
        let items = match interpret(value, binding.data_type.as_deref()) {
            OutputValue::Bytes(_) => {
                self.console.warn(format_args!(
                    "{}: the text for '{}' can be read as base64, so the host takes it for bytes and sends \
                     \"System.Byte[]\" in its place. Send JSON, or set \"dataType\": \"binary\" on the binding.",
                    function.name, binding.name
                ));
                vec!["System.Byte[]".to_owned()]
            }
            OutputValue::Json(value) => split(&value),
        };
        items
            .into_iter()
            .map(|body| BrokerMessage {
                body: body.into(),
                content_type: Some("text/plain".to_owned()),
                ..BrokerMessage::default()
            })
            .collect()
    }
}

/// `Outputs`; where no binding takes the return value and that is an object, its properties are outputs and win.
pub(crate) fn named_outputs(function: &Function, reply: &Reply) -> Map<String, Value> {
    let mut outputs = reply.outputs.clone().unwrap_or_default();
    if let Value::Object(object) = &reply.return_value
        && !function.outputs().any(|binding| binding.name == "$return")
    {
        outputs.extend(object.clone());
    }
    outputs
}

/// One document per element of a list, or of a text that is a list.
fn documents(binding: &Binding, value: &Value) -> Result<Vec<Value>, String> {
    match interpret(value, binding.data_type.as_deref()) {
        OutputValue::Bytes(_) => Err(
            "the text can be read as base64, so the host takes it for bytes, which are no document; send JSON"
                .to_owned(),
        ),
        OutputValue::Json(value) => Ok(items(&value)),
    }
}

fn entity(binding: &Binding) -> Result<String, String> {
    for key in ["queueName", "topicName", "queueOrTopicName"] {
        if let Some(name) = binding.text(key)?.filter(|name| !name.is_empty()) {
            return Ok(name);
        }
    }
    Err("a serviceBus output needs \"queueName\" or \"topicName\"".to_owned())
}

/// One message per element of a list, or of a text that is a list; JSON is written with indentation, as the host writes
/// it.
fn split(value: &Value) -> Vec<String> {
    items(value).iter().map(message_text).collect()
}

/// The elements of a list, or of a text that is one; anything else is one element.
fn items(value: &Value) -> Vec<Value> {
    let parsed = match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => serde_json::from_str(text).ok(),
        _ => None,
    };
    match parsed.unwrap_or_else(|| value.clone()) {
        Value::Array(items) => items,
        other => vec![other],
    }
}

fn message_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_several_messages() {
        assert_eq!(split(&json!(["a", {"b": 1}])), ["a", "{\n  \"b\": 1\n}"]);
        assert_eq!(split(&json!("[1,\"x\"]")), ["1", "x"]);
        assert_eq!(split(&json!("plain")), ["plain"]);
        assert_eq!(split(&json!("{\"a\":1}")), ["{\n  \"a\": 1\n}"]);
        assert_eq!(split(&json!("{broken")), ["{broken"]);
    }
}
