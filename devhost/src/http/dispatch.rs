//! Where a request goes.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::forward::{content_length, forward};
use super::proxy::{failure, proxy};
use super::{Cors, HostBody, Params, Router, empty, envelope, home, response};
use crate::admin::Admin;
use crate::config::Function;
use crate::invocation::Invoker;

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
    if function.disabled {
        return empty(StatusCode::NOT_FOUND);
    }
    if site.proxies && function.is_http_only() {
        proxy(site, &function, request, peer).await
    } else if site.forwards && function.is_http_only() {
        forward(site, &function, request).await
    } else {
        enveloped(site, &function, &params, request).await
    }
}

async fn enveloped(
    site: &Site,
    function: &Arc<Function>,
    params: &Params,
    request: Request<Incoming>,
) -> Response<HostBody> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, site.body_limit).collect().await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let call = envelope::call(function, &head, params, &body.to_bytes());
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
