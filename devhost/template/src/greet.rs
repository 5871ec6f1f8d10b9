//! `GET /api/greet/{name}`.

use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

pub async fn greet(Path(name): Path<String>) -> Json<Value> {
    Json(json!({ "greeting": format!("Hello, {name}!") }))
}
