//! What the host sends to functions that are not called by HTTP, and what it wants to hear.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A call.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Call {
    /// The values of the bindings, by their names.
    data: Map<String, Value>,
}

impl Call {
    /// The value of a binding. Texts come as JSON within a text, and so does a message's body that is JSON itself.
    pub fn data<T: DeserializeOwned>(&self, binding: &str) -> Result<T, serde_json::Error> {
        let mut value = self.data.get(binding).cloned().unwrap_or_default();
        while let Value::String(text) = &value {
            value = serde_json::from_str(text)?;
        }
        serde_json::from_value(value)
    }
}

/// An answer. The host takes nothing but JSON, and a body there must be.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply {
    /// The values of output bindings, by their names.
    pub outputs: Map<String, Value>,
    /// Lines for the log.
    pub logs: Vec<String>,
}

impl Reply {
    /// An answer with one line for the log and no outputs.
    pub fn log(line: impl Into<String>) -> Self {
        Self {
            logs: vec![line.into()],
            ..Self::default()
        }
    }
}
