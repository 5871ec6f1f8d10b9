//! Messages of the queue `work`.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::envelope::{Call, Reply};

/// What a message must hold.
#[derive(Deserialize)]
struct Task {
    title: String,
}

/// Any status but success gives the message back: it comes again, and is a dead letter after its last delivery.
pub async fn process(Json(call): Json<Call>) -> Result<Json<Reply>, StatusCode> {
    let task: Task = call.data("message").map_err(|_| StatusCode::BAD_REQUEST)?;
    if task.title.is_empty() {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    Ok(Json(Reply::log(format!("done: {}", task.title))))
}
