//! One connection: its requests are answered until the client goes, is too slow, or must make room.

use super::{Limits, Shared, stream::Stream};
use axum::{body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio::{net::TcpStream, time::Instant};
use tower::{Service, ServiceExt as _};

/// HTTP within limits. What is beyond them hyper answers itself, without a body: 431 for a head that is too large or has more
/// than 100 headers, 400 for what is no HTTP; a head that does not come in time is not answered.
pub(super) fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max);
    http
}

/// Serves one connection to its end.
pub(super) async fn serve<S>(http: &http1::Builder, stream: TcpStream, handler: S, shared: &Shared)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let began = Instant::now();
    let was_asked = AtomicBool::new(false);
    let service = service_fn(|request: http::Request<Incoming>| {
        was_asked.store(true, Ordering::Relaxed);
        handler.clone().oneshot(request.map(Body::new))
    });
    let stream = TokioIo::new(Stream::new(stream, &shared.limits));
    let mut connection = pin!(http.serve_connection(stream, service));
    loop {
        // Made before the look at `is_stopping`, so that a stop in between is not missed.
        let attention = shared.attention.notified();
        let is_stopping = shared.is_stopping.load(Ordering::Acquire);
        if !is_stopping {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return log(ended),
                () = attention => {}
            }
        }
        if was_asked.load(Ordering::Relaxed) {
            // Ends at once where it is idle, else after the answer under way.
            connection.as_mut().graceful_shutdown();
            return log(connection.await);
        }
        if is_stopping || began.elapsed() >= shared.limits.grace {
            tracing::debug!("a connection without a request is closed");
            return;
        }
    }
}

/// An error here is the client's: it went away, was too slow, or spoke no HTTP.
fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
