//! `system_live`

use crate::http::{Answer, document::Document, json};
use serde_json::{Value, json};

/// Alive is whatever can say so: a database that is away is no reason to start the process again.
pub(crate) async fn handle() -> Answer {
    json(&body())
}

fn body() -> Value {
    json!({ "status": "live" })
}

pub(crate) fn document() -> Document {
    Document::new("Answers as long as the process does.").other(200, "Alive.", "application/json", body())
}
