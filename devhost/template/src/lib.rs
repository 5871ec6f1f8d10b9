//! The functions, a file each. What calls them stands in their `function.json`.

mod envelope;
mod greet;
mod process;
mod tick;

use axum::Router;
use axum::routing::{get, post};

/// Every function at its address: HTTP functions at their route, all others at their name.
pub fn app() -> Router {
    Router::new()
        .route("/api/greet/{name}", get(greet::greet))
        .route("/process", post(process::process))
        .route("/tick", post(tick::tick))
}
