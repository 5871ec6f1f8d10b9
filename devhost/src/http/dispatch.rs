//! Where a request goes.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Limited};
use hyper::body::Incoming;

use super::forward::{content_length, forward};
use super::held::Held;
use super::proxy::{failure, proxy};
use super::{Cors, HostBody, Params, Router, Throttle, empty, envelope, home, response};
use crate::admin::Admin;
use crate::config::{AuthLevel, Function, Trigger};
use crate::invocation::Invoker;
use crate::keys::{Caller, Keys};

/// One loaded app, as requests see it.
pub struct Site {
    /// Routes.
    pub router: Router,
    /// Calls.
    pub invoker: Invoker,
    /// Cross-origin rules.
    pub cors: Cors,
    /// The host's own addresses.
    pub admin: Admin,
    /// `enableProxyingHttpRequest`.
    pub proxies: bool,
    /// `enableForwardingHttpRequest`.
    pub forwards: bool,
    /// The older section `httpWorker`: forwarded to `/<function>`.
    pub legacy: bool,
    /// Most bytes of a body.
    pub body_limit: usize,
    /// Who may call.
    pub keys: Keys,
    /// How many at once.
    pub throttle: Throttle,
    /// What every answer gets.
    pub custom_headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether `/` has a page.
    pub home_page: bool,
}

/// Answers one request.
pub async fn dispatch(site: &Site, request: Request<Incoming>, peer: IpAddr) -> Response<HostBody> {
    if let Some(answer) = site.cors.preflight(request.method(), request.headers()) {
        return answer;
    }
    // Most requests have no origin; then there is nothing to keep.
    let origin = request.headers().get(http::header::ORIGIN).cloned();
    let mut answer = route(site, request, peer).await;
    for (name, value) in &site.custom_headers {
        answer.headers_mut().insert(name, value.clone());
    }
    if let Some(origin) = origin {
        let asked = http::HeaderMap::from_iter([(http::header::ORIGIN, origin)]);
        site.cors.decorate(&asked, answer.headers_mut());
    }
    answer
}

async fn route(site: &Site, request: Request<Incoming>, peer: IpAddr) -> Response<HostBody> {
    if content_length(request.headers()) > site.body_limit as u64 {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let path = request.uri().path();
    if path.starts_with("/admin/") || path == "/_devhost" || path.starts_with("/_devhost/") {
        return site.admin.answer(request, peer).await;
    }
    let Some((route, params)) = site.router.find(request.method(), path) else {
        if path == "/" && matches!(*request.method(), Method::GET | Method::HEAD) {
            return if site.home_page {
                home::page()
            } else {
                empty(StatusCode::NO_CONTENT)
            };
        }
        return empty(StatusCode::NOT_FOUND);
    };
    let function = Arc::clone(&route.function);
    let caller = Caller::of(
        &site.keys,
        request.headers(),
        request.uri().query(),
        Some(&function.name),
    );
    if let Trigger::Http(trigger) = &function.trigger
        && caller.level < trigger.auth_level
    {
        return empty(StatusCode::UNAUTHORIZED);
    }
    // The holder of the master key may try a function that is switched off.
    if function.disabled && !(site.keys.are_required() && caller.level == AuthLevel::Admin) {
        return empty(StatusCode::NOT_FOUND);
    }
    let Some(place) = site.throttle.enter().await else {
        return empty(StatusCode::TOO_MANY_REQUESTS);
    };
    let answer = if site.proxies && function.is_http_only() {
        proxy(site, &function, request, peer).await
    } else if site.forwards && function.is_http_only() {
        forward(site, &function, request).await
    } else {
        enveloped(site, &function, &params, request, &caller).await
    };
    answer.map(|body| match body {
        Either::Left(whole) => Either::Left(whole),
        Either::Right(held) => Either::Right(Held::in_place(held, place)),
    })
}

async fn enveloped(
    site: &Site,
    function: &Arc<Function>,
    params: &Params,
    request: Request<Incoming>,
    caller: &Caller,
) -> Response<HostBody> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, site.body_limit).collect().await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let call = envelope::call(function, &head, params, &body.to_bytes(), caller);
    let mapped = match site.invoker.invoke(function, call).await {
        Ok(reply) => response::map(function, &reply).inspect_err(|error| {
            site.invoker
                .console()
                .error(format_args!("Functions.{}: {error}", function.name));
        }),
        Err(error) => Err(error),
    };
    mapped.unwrap_or_else(|error| failure(&error))
}
