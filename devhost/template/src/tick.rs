//! Every five minutes.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::envelope::{Call, Reply};

/// What the host says of the timer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Timer {
    is_past_due: bool,
}

pub async fn tick(Json(call): Json<Call>) -> Result<Json<Reply>, StatusCode> {
    let timer: Timer = call.data("timer").map_err(|_| StatusCode::BAD_REQUEST)?;
    let line = if timer.is_past_due { "tick, late" } else { "tick" };
    Ok(Json(Reply::log(line)))
}
