//! Raw requests in proxying mode: path, query, method and bodies as they are, both ways as streams.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{Either, LengthLimitError, Limited};
use hyper::body::Incoming;
use time::OffsetDateTime;
use uuid::Uuid;

use super::headers::drop_hop_by_hop;
use super::held::Held;
use super::{HostBody, Site, empty};
use crate::config::Function;
use crate::handler::{HandlerBody, SendError};
use crate::invocation::{HOST_VERSION, InvokeError, Record, Side};
use crate::tap::{Kept, Tap};

const HOST_VERSION_HEADER: HeaderName = HeaderName::from_static("x-azure-functions-hostversion");
const INVOCATION_ID: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");
const MS_INVOCATION_ID: HeaderName = HeaderName::from_static("x-ms-invocation-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
/// The host's words for a call that a request made.
pub(super) const HTTP_REASON: &str = "This function was programmatically called via the host APIs.";
/// How long the handler may stay silent before it sends the head of its answer.
const ACTIVITY_TIMEOUT: Duration = Duration::from_mins(4);

/// Passes a request on and its answer back.
pub(super) async fn proxy(
    site: &Site,
    function: &Arc<Function>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<HostBody> {
    let id = Uuid::new_v4();
    let body = Kept::default();
    let asked = Side::request(request.method(), request.uri(), request.headers(), body.clone());
    run_raw(site, function, id, asked, async |limit| {
        let request = outgoing(request, id, peer, site.body_limit, body).map_err(InvokeError::Body)?;
        let end = site.invoker.timeout().map(|limit| tokio::time::Instant::now() + limit);
        let called = site.invoker.call(function, request, Some(limit)).await?;
        let kept = Kept::default();
        let mut response = Held::response(called, &site.invoker, function, end, kept.clone());
        drop_hop_by_hop(response.headers_mut());
        Ok((response.map(Either::Right), kept))
    })
    .await
}

/// What all raw requests share: they wait for the handler, must not take too long, and are taken down and told. Any answer
/// of the handler is a success, even 500; no answer is 500.
pub(super) async fn run_raw(
    site: &Site,
    function: &Arc<Function>,
    id: Uuid,
    asked: Side,
    exchange: impl AsyncFnOnce(Duration) -> Result<(Response<HostBody>, Kept), InvokeError>,
) -> Response<HostBody> {
    let running = site.invoker.announce(function, id, HTTP_REASON);
    let limit = site
        .invoker
        .timeout()
        .map_or(ACTIVITY_TIMEOUT, |limit| limit.min(ACTIVITY_TIMEOUT));
    let result = exchange(limit).await;
    let (duration, logs) = running.end(result.as_ref().err(), Vec::new());
    site.invoker.record(Record {
        id,
        function: Arc::clone(function),
        ended: OffsetDateTime::now_utc(),
        duration,
        status: result.as_ref().ok().map(|(response, _)| response.status().as_u16()),
        error: result.as_ref().err().map(ToString::to_string),
        request: Some(asked),
        reply: result
            .as_ref()
            .ok()
            .map(|(response, body)| Side::reply(response.status(), response.headers(), body.clone())),
        logs,
    });
    result.map_or_else(|error| failure(&error), |(response, _)| response)
}

/// The answer to a caller whose invocation failed.
pub(super) fn failure(error: &InvokeError) -> Response<HostBody> {
    match error {
        InvokeError::NotReady(crate::handler::NotReady::TimedOut | crate::handler::NotReady::Stopping) => {
            super::bytes_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "text/plain; charset=utf-8",
                "Function host is not running.",
            )
        }
        InvokeError::Send(SendError::Exchange(error)) if is_too_long(error) => empty(StatusCode::PAYLOAD_TOO_LARGE),
        _ => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn is_too_long(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn outgoing(
    request: Request<Incoming>,
    id: Uuid,
    peer: IpAddr,
    body_limit: usize,
    kept: Kept,
) -> Result<Request<HandlerBody>, String> {
    let (mut head, body) = request.into_parts();
    let authority = caller_authority(&head.headers, &head.uri);
    let target = head
        .uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    head.uri = Uri::from(target);
    head.version = http::Version::HTTP_11;
    let headers = &mut head.headers;
    drop_hop_by_hop(headers);
    let value = |text: String| HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).map_err(|e| e.to_string());
    let id = value(id.to_string())?;
    // Whoever sends it puts the handler's own there.
    headers.remove(header::HOST);
    headers.insert(HOST_VERSION_HEADER, HeaderValue::from_static(HOST_VERSION));
    headers.insert(INVOCATION_ID, id.clone());
    headers.insert(MS_INVOCATION_ID, id);
    // Set, not appended to: what a caller claims about earlier hops is not passed on.
    headers.insert(FORWARDED_FOR, value(peer.to_string())?);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.remove(FORWARDED_PREFIX);
    match authority {
        Some(host) => headers.insert(FORWARDED_HOST, host),
        None => headers.remove(FORWARDED_HOST),
    };
    let body = Tap::new(Limited::new(body, body_limit), kept);
    Ok(Request::from_parts(head, Either::Right(body)))
}

/// The host the caller asked for.
pub(super) fn caller_authority(headers: &HeaderMap, uri: &Uri) -> Option<HeaderValue> {
    headers.get(header::HOST).cloned().or_else(|| {
        uri.authority()
            .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
    })
}
