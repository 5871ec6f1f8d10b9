//! What happens around every handler, in one layer: request id, limits, readiness, time-out, panics, problems, access log.

use super::{Context, Identity, Problem, RequestId, identity, problem, request_id::X_REQUEST_ID};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{HeaderMap, Uri};
use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

/// How long a request waits for the application to be ready, which at a cold start is the time of a connection.
const READY_WAIT_MAX: Duration = Duration::from_secs(5);
/// What a caller is told to wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: u16 = 2;

/// The layer around a handler.
pub(crate) async fn edge(State(context): State<Context>, mut request: Request, next: Next) -> Response {
    let request_id = RequestId::of(request.headers());
    let uri = request.uri().clone();
    let log = tracing::enabled!(tracing::Level::DEBUG).then(|| (Instant::now(), request.method().clone()));

    let response = match admit(&context, &mut request, &request_id).await {
        Ok(permit) => {
            let response = guarded(&context, request, next).await;
            drop(permit);
            response
        }
        Err(problem) => problem.into_response(),
    };
    let response = finish(response, &uri, &request_id);
    if let Some((started, method)) = log {
        tracing::debug!(
            %method,
            path = uri.path(),
            function = context.operation.name,
            status = response.status().as_u16(),
            micros = started.elapsed().as_micros() as u64,
            request_id = request_id.as_str(),
            "answered"
        );
    }
    response
}

/// Whether the request may go on; on the way it learns who asks.
async fn admit<'a>(
    context: &'a Context,
    request: &mut Request,
    request_id: &RequestId,
) -> Result<Option<tokio::sync::SemaphorePermit<'a>>, Problem> {
    let operation = context.operation;
    let is_http = operation.trigger.is_http();
    if !is_http && is_raw(request.headers()) {
        return Err(Problem::new(
            problem::HOST_ONLY,
            "this function is invoked by the Functions host alone",
        ));
    }
    // The host itself bounds how many invocations run at once, and what it is refused counts as a failed delivery.
    let permit = if is_http && operation.needs_app() {
        let permit = context.shared.permits.try_acquire().map_err(|_| {
            Problem::new(
                problem::OVERLOADED,
                "as many requests as can be served are being served",
            )
            .retry_after(RETRY_AFTER_SECONDS)
        })?;
        Some(permit)
    } else {
        None
    };
    let app = context.app();
    if operation.needs_app() && !app.is_ready() {
        // A refused batch is delivered again at once and after ten times dead-lettered: it waits as long as it may.
        let wait = if is_http {
            READY_WAIT_MAX
        } else {
            app.settings().orders_retry_max
        };
        if tokio::time::timeout(wait, app.ready()).await.is_err() {
            return Err(
                Problem::new(problem::UNAVAILABLE, "the application is starting").retry_after(RETRY_AFTER_SECONDS)
            );
        }
    }
    let identity: Identity = identity::identify(operation, request.headers())?;
    request.extensions_mut().insert((identity, request_id.clone()));
    Ok(permit)
}

/// Runs the handler; a panic is a problem like any other, and so is taking too long.
async fn guarded(context: &Context, request: Request, next: Next) -> Response {
    let operation = context.operation;
    let handler = AssertUnwindSafe(next.run(request)).catch_unwind();
    let result = if operation.trigger.is_http() {
        let limit = context.app().settings().request_timeout;
        let Ok(result) = tokio::time::timeout(limit, handler).await else {
            tracing::warn!(function = operation.name, "a request took too long");
            return Problem::new(problem::TIMED_OUT, "the request took too long and was given up")
                .retry_after(RETRY_AFTER_SECONDS)
                .into_response();
        };
        result
    } else {
        // The host's functionTimeout rules here.
        handler.await
    };
    result.unwrap_or_else(|_| {
        tracing::error!(function = operation.name, "a handler panicked");
        Problem::from(inventory_app::Error::Internal).into_response()
    })
}

/// Whether the request came through the host's HTTP side: its proxy sets these on each, an invocation has none of them.
fn is_raw(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name == "x-ms-invocation-id" || name.as_str().starts_with("x-forwarded-"))
}

/// Writes a problem, where there is one, and the request's id.
fn finish(mut response: Response, uri: &Uri, request_id: &RequestId) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.write(std::mem::take(response.headers_mut()), uri.path(), request_id);
    }
    response.headers_mut().insert(X_REQUEST_ID, request_id.header());
    response
}

/// The answer to a path that no function has. (Behind the host nobody sees it: the host answers first.)
pub(crate) async fn missing(request: Request) -> Response {
    let problem = Problem::new(problem::NOT_FOUND, "there is nothing at this path");
    finish(
        problem.into_response(),
        request.uri(),
        &RequestId::of(request.headers()),
    )
}

/// The answer to a method that a path does not have.
pub(crate) async fn wrong_method(request: Request) -> Response {
    let problem = Problem::new(
        problem::METHOD_NOT_ALLOWED,
        "this path has other methods; see the header Allow",
    );
    finish(
        problem.into_response(),
        request.uri(),
        &RequestId::of(request.headers()),
    )
}

/// The host matches paths without regard to case and to a `/` at the end, and passes on what the client wrote. Nothing in
/// our paths depends on case, so the router is given the one form it knows.
pub(crate) fn normalise(mut request: http::Request<Body>) -> http::Request<Body> {
    let path = request.uri().path();
    let has_slash = path.len() > 1 && path.ends_with('/');
    if !has_slash && !path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return request;
    }
    let mut plain = path.trim_end_matches('/').to_ascii_lowercase();
    if plain.is_empty() {
        plain.push('/');
    }
    if let Some(query) = request.uri().query() {
        plain.push('?');
        plain.push_str(query);
    }
    if let Ok(path_and_query) = plain.parse() {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form() {
        for (given, expected) in [
            ("/api/v1/products?skip=1", "/api/v1/products?skip=1"),
            ("/API/v1/Products/?SKU=Ab", "/api/v1/products?SKU=Ab"),
            ("/", "/"),
            ("/docs/", "/docs"),
        ] {
            let request = http::Request::builder().uri(given).body(Body::empty()).unwrap();
            assert_eq!(normalise(request).uri(), expected);
        }
    }
}
