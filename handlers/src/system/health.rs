//! `system_health`

use crate::http::{Answer, Context, document::Document, json};
use axum::extract::State;
use serde_json::{Value, json};

/// Cheap on purpose: load balancers ask often. What the program needs is asked by `system_ready`.
pub(crate) async fn handle(State(context): State<Context>) -> Answer {
    json(&body(
        context.app().is_ready(),
        &context.app().settings().telemetry.environment,
    ))
}

fn body(is_ready: bool, environment: &str) -> Value {
    json!({
        "status": if is_ready { "healthy" } else { "starting" },
        "version": env!("CARGO_PKG_VERSION"),
        "environment": environment,
    })
}

pub(crate) fn document() -> Document {
    Document::new("Says that the program runs, which version, and whether it has started.").other(
        200,
        "It runs.",
        "application/json",
        body(true, "production"),
    )
}
