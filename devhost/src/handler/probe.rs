//! Waits until the handler answers.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{Either, Full};

use super::Connections;

const INTERVAL: Duration = Duration::from_millis(25);

/// Asks `GET /` every 25 ms until anything answers: any status will do. Never returns without an answer; the caller
/// holds the clock.
pub(super) async fn until_answered(connections: &Connections) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let Ok(mut sender) = connections.connect().await else {
            continue;
        };
        let request = Request::get("/")
            .header(http::header::HOST, connections.address().to_string())
            .body(Either::Left(Full::new(Bytes::new())));
        let Ok(request) = request else { continue };
        if sender.send_request(request).await.is_ok() {
            return;
        }
    }
}
