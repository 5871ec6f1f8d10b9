//! What happens around every handler, in one layer: request id, limits, readiness, time-out, panics, problems, access log.

use super::{
    Context, Problem, RequestId,
    activity::{self, Activity},
    body::{self, Place},
    compress::compress,
    identity,
    limit::{self, Counted},
    negotiate::takes_gzip,
    problem,
    request_id::X_REQUEST_ID,
    unchanged,
};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Method, Uri,
    header::{CACHE_CONTROL, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

/// How long a request waits for the application to be ready, which at a cold start is the time of a connection.
const READY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Bytes of path and query: what Kestrel, in front of us, takes by default.
const URI_BYTES_MAX: usize = 8 * 1024;
/// What a caller is told to wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: u16 = 2;

/// The layer around a handler.
pub(crate) async fn edge(State(context): State<Context>, request: Request, next: Next) -> Response {
    let in_flight = context.metrics.begin();
    let request_id = RequestId::of(request.headers());
    let activity = Activity::begin(&context, request.method(), request.headers(), request_id.clone());
    let response = activity.scope(answer(&context, request, next, request_id)).await;
    in_flight.end(response.status().as_u16());
    response
}

async fn answer(context: &Context, mut request: Request, next: Next, request_id: RequestId) -> Response {
    let uri = request.uri().clone();
    let has_tag = context.operation.is_limited() && matches!(*request.method(), Method::GET | Method::HEAD);
    let known = has_tag.then(|| request.headers().get(IF_NONE_MATCH).cloned());
    let log = tracing::event_enabled!(tracing::Level::DEBUG).then(|| (Instant::now(), request.method().clone()));

    let takes_gzip = takes_gzip(request.headers());
    let mut counted = None;
    let response = match admit(context, &mut request, &request_id, &mut counted).await {
        Ok(mut place) => match body::arrive(context, request, &mut place).await {
            Ok(request) => {
                let response = guarded(context, request, next).await;
                match known {
                    Some(known) => unchanged::answer(known, response).await,
                    None => response,
                }
            }
            Err(problem) => problem.into_response(),
        },
        Err(problem) => problem.into_response(),
    };
    let mut response = finish(response, &uri, &request_id);
    // What holds secrets keeps its length: compressed it would tell of them (https://www.breachattack.com).
    if context.operation.trigger.is_http() && !context.operation.has_secrets() {
        response = compress(takes_gzip, response).await;
    }
    if let Some(counted) = counted {
        counted.tell(&mut response);
    }
    if let Some(policy) = context.operation.cache_control() {
        response.headers_mut().entry(CACHE_CONTROL).or_insert(policy);
    }
    if let Some((started, method)) = log {
        tracing::debug!(
            %method,
            status = response.status().as_u16(),
            micros = started.elapsed().as_micros() as u64,
            "answered"
        );
    }
    activity::tell(|span| {
        let status = response.status();
        span.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.fail("");
        }
    });
    response
}

/// Whether the request may go on; on the way it learns who asks.
async fn admit<'a>(
    context: &'a Context,
    request: &mut Request,
    request_id: &RequestId,
    counted: &mut Option<Counted>,
) -> Result<Place<'a>, Problem> {
    let operation = context.operation;
    let is_http = operation.trigger.is_http();
    if !is_http && is_raw(request.headers()) {
        return Err(Problem::new(
            problem::HOST_ONLY,
            "this function is invoked by the Functions host alone",
        ));
    }
    let address = request.uri().path_and_query();
    if address.is_some_and(|address| address.as_str().len() > URI_BYTES_MAX) {
        let detail = format!("path and query may have {URI_BYTES_MAX} bytes at most");
        return Err(Problem::new(problem::URI_TOO_LONG, detail));
    }
    // The host itself bounds how many invocations run at once, and what it is refused counts as a failed delivery.
    let place = if is_http && operation.needs_app() {
        Place::take(&context.shared)?
    } else {
        Place::default()
    };
    let app = context.app();
    if operation.needs_app() && !app.is_ready() {
        // A refused batch is delivered again at once and after ten times dead-lettered: it waits as long as it may.
        let wait = if is_http {
            READY_WAIT_MAX
        } else {
            app.settings().work.orders_retry_max
        };
        if tokio::time::timeout(wait, app.ready()).await.is_err() {
            return Err(
                Problem::new(problem::UNAVAILABLE, "the application is starting").retry_after(RETRY_AFTER_SECONDS)
            );
        }
    }
    let identity = identity::identify(context, request.headers()).await;
    *counted = limit::count(context, request.headers(), identity.as_ref().ok()).await;
    if let Some(counted) = counted {
        counted.refusal()?;
    }
    let identity = identity?;
    activity::identified(&identity);
    request.extensions_mut().insert((identity, request_id.clone()));
    Ok(place)
}

/// Runs the handler; a panic is a problem like any other, and so is taking too long.
async fn guarded(context: &Context, request: Request, next: Next) -> Response {
    let operation = context.operation;
    let handler = AssertUnwindSafe(next.run(request)).catch_unwind();
    let result = if operation.trigger.is_http() {
        let limit = context.app().settings().http.request_timeout;
        let Ok(result) = tokio::time::timeout(limit, handler).await else {
            tracing::warn!("a request took too long");
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
        tracing::error!("a handler panicked");
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
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id.header());
    // An answer is what its type says and no browser may guess another; and where it links to nobody learns who linked.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
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
    use crate::{
        OPERATIONS, Operation,
        http::{Answer, Identity, Shared},
    };
    use axum::{Router, handler::Handler, middleware::from_fn_with_state, routing::get};
    use http_body_util::BodyExt as _;
    use inventory_app::{App, Settings};
    use serde_json::Value;
    use std::sync::Arc;
    use tower::ServiceExt as _;

    fn operation(name: &str) -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.name == name).unwrap()
    }

    /// A program that is never ready, over a database that is never opened.
    fn shared() -> Arc<Shared> {
        let settings = [
            ("DATABASE_URL", "sqlite:/nowhere/at/all.db"),
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
            (
                "ServiceBusConnection",
                "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=name;SharedAccessKey=key;UseDevelopmentEmulator=true",
            ),
        ];
        let values = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Shared::new(App::build(Settings::from_values(&values).unwrap()).unwrap())
    }

    /// What the edge of the named function makes of a handler.
    async fn call<H: Handler<T, Context>, T: 'static>(
        shared: Arc<Shared>,
        name: &str,
        handler: H,
    ) -> (Response, Value) {
        let context = Context::new(shared, operation(name));
        let route = get(handler)
            .route_layer(from_fn_with_state(context.clone(), edge))
            .with_state(context);
        let request = Request::builder().uri("/x").body(Body::empty()).unwrap();
        let response = Router::new().route("/x", route).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default();
        (Response::from_parts(parts, Body::empty()), body)
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_without_details() {
        async fn panics() -> Answer {
            panic!("the secret is melon")
        }
        let (response, body) = call(shared(), "system_live", panics).await;
        assert_eq!(response.status(), 500);
        assert_eq!(body["code"], "internal");
        assert_eq!(body["instance"], "/x");
        assert!(!body.to_string().contains("melon"));
        assert!(response.headers().contains_key(X_REQUEST_ID));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_given_up() {
        let shared = shared();
        let limit = shared.app.settings().http.request_timeout;
        let started = tokio::time::Instant::now();
        let (response, body) = call(shared, "system_live", std::future::pending::<()>).await;
        assert_eq!(
            (response.status().as_u16(), &body["code"]),
            (503, &Value::from("timed_out"))
        );
        assert!(response.headers().contains_key(http::header::RETRY_AFTER));
        assert!(started.elapsed() >= limit);
    }

    #[tokio::test]
    async fn more_requests_than_can_be_served_are_refused_and_signs_of_life_are_not() {
        let shared = shared();
        let all = shared.permits.available_permits();
        let taken = shared.permits.try_acquire_many(all as u32).unwrap();
        let (response, body) = call(shared.clone(), "products_list", || async {}).await;
        assert_eq!(
            (response.status().as_u16(), &body["code"]),
            (503, &Value::from("overloaded"))
        );
        assert!(response.headers().contains_key(http::header::RETRY_AFTER));
        let (response, _) = call(shared.clone(), "system_live", || async {}).await;
        assert_eq!(response.status(), 200);
        drop(taken);
        assert_eq!(shared.permits.available_permits(), all);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_holds_no_place_and_is_given_up() {
        let shared = shared();
        let all = shared.permits.available_permits();
        let limit = shared.app.settings().http.request_timeout;
        let context = Context::new(shared.clone(), operation("products_create"));
        // One byte each second, for ever.
        let trickle = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        let request = Request::post("/x").body(Body::from_stream(trickle)).unwrap();
        let mut place = Place::take(&shared).unwrap();
        assert_eq!(shared.permits.available_permits(), all - 1);
        let started = tokio::time::Instant::now();
        let mut arriving = Box::pin(body::arrive(&context, request, &mut place));
        assert!(futures_util::poll!(arriving.as_mut()).is_pending());
        assert_eq!(shared.permits.available_permits(), all, "others can be served");
        assert_eq!(arriving.await.unwrap_err().code(), problem::BODY_TOO_SLOW);
        assert!(started.elapsed() >= limit);

        // One that comes late has its place again, where there is one.
        for (left, expected) in [(1, Ok("late".into())), (0, Err(problem::OVERLOADED))] {
            let late = futures_util::stream::once(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, std::io::Error>("late")
            });
            let request = Request::post("/x").body(Body::from_stream(late)).unwrap();
            let mut place = Place::take(&shared).unwrap();
            let mut arriving = Box::pin(body::arrive(&context, request, &mut place));
            assert!(futures_util::poll!(arriving.as_mut()).is_pending());
            let taken = shared.permits.try_acquire_many((all - left) as u32).unwrap();
            let arrived = match arriving.await {
                Ok(request) => Ok(request.into_body().collect().await.unwrap().to_bytes()),
                Err(problem) => Err(problem.code()),
            };
            assert_eq!(arrived, expected);
            assert_eq!(shared.permits.available_permits(), 0);
            drop((taken, place));
            assert_eq!(shared.permits.available_permits(), all);
        }
    }

    #[tokio::test]
    async fn an_address_has_a_length() {
        let long = format!("/x?q={}", "a".repeat(URI_BYTES_MAX));
        for (uri, status) in [("/x?q=a", 200), (&long, 414)] {
            let context = Context::new(shared(), operation("system_live"));
            let route = get(|| async {})
                .route_layer(from_fn_with_state(context.clone(), edge))
                .with_state(context);
            let request = Request::get(uri).body(Body::empty()).unwrap();
            let response = Router::new().route("/x", route).oneshot(request).await.unwrap();
            assert_eq!(response.status(), status);
        }
    }

    #[tokio::test]
    async fn callers_are_named() {
        async fn who(request: Request) -> String {
            let (identity, _) = request.extensions().get::<(Identity, RequestId)>().unwrap();
            format!("\"{}\"", identity.actor())
        }
        let (_, body) = call(shared(), "system_live", who).await;
        assert_eq!(body, "anonymous");
        let timer = Context::new(shared(), operation("stock_sweep"));
        let timer = identity::identify(&timer, &HeaderMap::new()).await.unwrap();
        assert_eq!(timer.actor(), "stock_sweep");
    }

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
