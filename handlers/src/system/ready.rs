//! `system_ready`

use crate::http::{Answer, Context, document::Document, json};
use axum::extract::State;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// Seconds after which a program that is not ready may be asked again.
const RETRY_AFTER_SECONDS: u16 = 2;

pub(crate) async fn handle(State(context): State<Context>) -> Answer {
    let readiness = context.app().check().await;
    let mut response = json(&readiness)?;
    if !readiness.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let seconds = HeaderValue::from(RETRY_AFTER_SECONDS);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(response)
}

pub(crate) fn document() -> Document {
    Document::new(
        "Asks everything that is needed for a sign of life. Service Bus alone does not make the program unready: orders wait \
         in the outbox (`degraded`). Neither does Key Vault once the secrets were read: what it said last is kept.",
    )
    .other(200, "Requests can be served.", "application/json", example(true))
    .other(503, "Requests cannot be served; see why.", "application/json", example(false))
}

fn example(is_ready: bool) -> Value {
    let database = if is_ready {
        json!({ "ok": true })
    } else {
        json!({ "ok": false, "detail": "no answer in time" })
    };
    json!({
        "ready": is_ready,
        "status": if is_ready { "ready" } else { "unavailable" },
        "checks": { "database": database, "migrations": { "ok": true }, "service_bus": { "ok": true } },
    })
}
