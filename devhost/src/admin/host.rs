//! `/admin/host/status`.

use serde_json::{Value, json};

use super::Admin;
use crate::handler::HandlerState;
use crate::invocation::HOST_VERSION;

impl Admin {
    pub(super) fn host_status(&self) -> Value {
        let state = match self.invoker.handler().state() {
            HandlerState::Ready(_) => "Running",
            HandlerState::Starting => "Initialized",
            HandlerState::Ended => "Error",
            HandlerState::Failed => "Stopping",
        };
        let errors: Vec<String> = self
            .problems
            .iter()
            .map(|problem| format!("{}: {}", problem.name, problem.reason))
            .collect();
        let mut status = json!({
            "id": self.instance.simple().to_string(),
            "state": state,
            "version": HOST_VERSION,
            "versionDetails": format!("{HOST_VERSION} (devhost {})", env!("CARGO_PKG_VERSION")),
            "platformVersion": "",
            "instanceId": self.instance.to_string(),
            "computerName": std::env::var("HOSTNAME").unwrap_or_default(),
            "processUptime": self.started.elapsed().as_millis() as u64,
            "functionAppContentEditingState": "Unknown",
        });
        if !errors.is_empty() {
            status["errors"] = json!(errors);
        }
        status
    }
}
