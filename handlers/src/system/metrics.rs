//! `system_metrics`

use crate::http::{Answer, Context, document::Document};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use inventory_app::metrics;

/// Answers while the database is away, too: what it alone knows is then as old as it says.
pub(crate) async fn handle(State(context): State<Context>) -> Answer {
    let text = metrics::text(context.app()).await?;
    let mut response = Response::new(Body::from(text));
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

pub(crate) fn document() -> Document {
    Document::new(
        "All metrics in Prometheus' text format: counted since this process started, except for those that the database knows. \
         Each instance answers for itself. Besides a viewer's credentials the token of `METRICS_TOKEN` will do.",
    )
    .other(
        200,
        "The metrics.",
        "text/plain",
        "# HELP inventory_requests_in_flight Requests and invocations being worked on.\n\
         # TYPE inventory_requests_in_flight gauge\n\
         inventory_requests_in_flight 1\n"
            .into(),
    )
}
