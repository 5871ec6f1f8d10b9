//! The router: every row of the table behind the edge.

use crate::{
    OPERATIONS,
    http::{Context, Shared, edge, missing, normalise, wrong_method},
};
use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
use inventory_app::App;
use tower::{
    Layer as _,
    util::{MapRequest, MapRequestLayer},
};

/// The program as a service: what the binary serves and tests call.
pub type Handler = MapRequest<Router, fn(http::Request<Body>) -> http::Request<Body>>;

/// Puts all functions over `app`.
pub fn handler(app: App) -> Handler {
    let shared = Shared::new(app);
    // The host asks `GET /` every 25 ms until it is answered, and later for signs of life.
    let mut router = Router::new().route("/", get(|| async {}));
    for operation in OPERATIONS {
        let context = Context::new(shared.clone(), operation);
        let methods = (operation.mount)(operation.methods())
            .route_layer(from_fn_with_state(context.clone(), edge))
            .with_state(context);
        router = router.route(&operation.path(), methods);
    }
    let router = router.method_not_allowed_fallback(wrong_method).fallback(missing);
    let normalise: fn(http::Request<Body>) -> http::Request<Body> = normalise;
    MapRequestLayer::new(normalise).layer(router)
}
