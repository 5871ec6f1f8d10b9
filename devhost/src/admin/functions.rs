//! `/admin/functions`: what there is, and calls by hand.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{Admin, refuse};
use crate::config::{Function, Trigger};
use crate::http::{HostBody, empty, json_response};
use crate::invocation::{BindingValue, Call, Metadata};
use crate::servicebus_trigger::input_call;
use crate::timers::{Schedule, Zone, timer_call};

impl Admin {
    pub(super) fn all_functions(&self) -> Value {
        self.functions.iter().map(|function| self.describe(function)).collect()
    }

    pub(super) fn describe(&self, function: &Function) -> Value {
        let bindings: Vec<Value> = function
            .bindings
            .iter()
            .map(|binding| Value::Object(binding.properties.clone()))
            .collect();
        let route = self.routes.iter().find(|(name, _)| *name == function.name);
        json!({
            "name": function.name,
            "href": format!("{}/admin/functions/{}", self.base_url, function.name),
            "config": {"name": function.name, "bindings": bindings},
            "invoke_url_template": route.map(|(_, route)| format!("{}/{route}", self.base_url)),
            "isDisabled": function.disabled,
            "isDirect": false,
            "isProxy": false,
            "language": "Custom",
        })
    }

    pub(super) fn function_status(&self, name: &str) -> Response<HostBody> {
        let errors: Vec<&str> = self
            .problems
            .iter()
            .filter(|problem| problem.name.eq_ignore_ascii_case(name))
            .map(|problem| problem.reason.as_str())
            .collect();
        if !errors.is_empty() {
            return json_response(StatusCode::OK, &json!({"errors": errors}));
        }
        match self.function(name) {
            Some(_) => json_response(StatusCode::OK, &json!({})),
            None => empty(StatusCode::NOT_FOUND),
        }
    }

    /// Calls a function by hand; the answer is there before the call is over, whose result is in the console only.
    pub(super) fn call(&self, name: &str, body: &Bytes) -> Response<HostBody> {
        let Some(function) = self.function(name) else {
            return empty(StatusCode::NOT_FOUND);
        };
        let input = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(object)) => match object.get("input") {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(_) => return refuse(StatusCode::BAD_REQUEST, "\"input\" must be text"),
            },
            _ => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    "the body must be a JSON object: {\"input\": \"…\"}",
                );
            }
        };
        let call = match by_hand(function, &input) {
            Ok(call) => call,
            Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
        };
        let (invoker, function) = (self.invoker.clone(), Arc::clone(function));
        tokio::spawn(async move {
            // Told on the console, by the invoker.
            let _ = invoker.invoke(&function, call).await;
        });
        empty(StatusCode::ACCEPTED)
    }
}

fn by_hand(function: &Function, input: &str) -> Result<Call, String> {
    let reason = "This function was programmatically called via the host APIs.".to_owned();
    match &function.trigger {
        Trigger::Http(_) => Err("an httpTrigger is called by its own address".to_owned()),
        Trigger::Timer(timer) => {
            let schedule = Schedule::parse(&timer.schedule, &Zone::utc())?;
            Ok(timer_call(function, &schedule, None, false, reason))
        }
        Trigger::ServiceBus(trigger) => input_call(function, trigger.many, input).map_err(|error| error.to_string()),
        Trigger::Other(_) => {
            let mut metadata = Metadata::default();
            metadata.spill(input);
            let data: Map<String, Value> =
                Map::from_iter([(function.trigger_name.clone(), BindingValue::text(input).encode())]);
            Ok(Call { reason, data, metadata })
        }
    }
}
