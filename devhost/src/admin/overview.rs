//! `/_devhost/app`: the app as its page shows it.

use serde_json::{Map, Value, json};

use super::Admin;
use crate::config::{AuthLevel, Function, Trigger};
use crate::handler::HandlerState;

impl Admin {
    /// The handler, every function with what it takes to call it, and those that do not load.
    pub(super) fn overview(&self) -> Value {
        let functions: Vec<Value> = self.functions.iter().map(|function| self.sketch(function)).collect();
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|problem| json!({"name": problem.name, "reason": problem.reason}))
            .collect();
        json!({
            "instance": self.instance.to_string(),
            "baseUrl": self.base_url,
            "uptimeSeconds": self.started.elapsed().as_secs(),
            "handler": self.handler_sketch(),
            "functions": functions,
            "problems": problems,
        })
    }

    fn handler_sketch(&self) -> Value {
        match self.invoker.handler().state() {
            HandlerState::Starting => json!({"state": "starting"}),
            HandlerState::Ended => json!({"state": "ended"}),
            HandlerState::Failed => json!({"state": "failed"}),
            HandlerState::Ready(live) => json!({
                "state": "ready",
                "pid": live.pid,
                "port": live.port,
                "life": live.number,
                "underWay": live.in_flight.len(),
            }),
        }
    }

    fn sketch(&self, function: &Function) -> Value {
        let mut sketch = Map::new();
        sketch.insert("name".to_owned(), json!(function.name));
        sketch.insert("trigger".to_owned(), json!(function.trigger_kind()));
        sketch.insert("disabled".to_owned(), json!(function.disabled));
        match &function.trigger {
            Trigger::Http(trigger) => {
                let route = self.routes.iter().find(|(name, _)| *name == function.name);
                sketch.insert("methods".to_owned(), json!(trigger.methods));
                let needs_key = self.keys.are_required() && trigger.auth_level > AuthLevel::Anonymous;
                sketch.insert("needsKey".to_owned(), json!(needs_key));
                sketch.insert("route".to_owned(), json!(route.map(|(_, route)| format!("/{route}"))));
            }
            Trigger::Timer(trigger) => {
                sketch.insert("schedule".to_owned(), json!(trigger.schedule));
            }
            Trigger::ServiceBus(trigger) => {
                let sends_to = trigger
                    .subscription
                    .as_ref()
                    .map_or(&trigger.entity, |(topic, _)| topic);
                sketch.insert("entity".to_owned(), json!(trigger.entity));
                sketch.insert("sendsTo".to_owned(), json!(sends_to));
            }
            Trigger::Other(_) => {}
        }
        Value::Object(sketch)
    }
}
