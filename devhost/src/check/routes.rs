//! Functions that take each other's paths, and addresses of envelopes that callers can reach.

use http::Method;

use super::{Finding, app::place};
use crate::config::{App, Function, Trigger};
use crate::http::{Route, Router};

const METHODS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
];

pub(super) fn findings(app: &App, router: &Router) -> Vec<Finding> {
    let mut findings = Vec::new();
    let routes = router.routes();
    for (index, later) in routes.iter().enumerate() {
        let taken = routes[..index]
            .iter()
            .find_map(|earlier| Some((earlier, taken_path(earlier, later)?)));
        if let Some((earlier, (method, path))) = taken {
            findings.push(Finding::error(
                format!("{}: route", place(&app.root, &later.function.name)),
                format!(
                    "{method} /{path} is taken by '{}' (route '{}'), whose name comes first, and never gets to '{}' (route \
                     '{}'); constrain the parameters of the first, or rename one of them",
                    earlier.function.name, earlier.text, later.function.name, later.text
                ),
            ));
        }
    }
    let raw = app.host.handler.proxies || app.host.handler.forwards;
    for function in app.functions.iter().filter(|function| raw && !function.is_http_only()) {
        of_envelope(app, router, function, &mut findings);
    }
    findings
}

/// A request that two routes match, and that the first takes although it is no more specific.
fn taken_path(earlier: &Route, later: &Route) -> Option<(Method, String)> {
    let method = METHODS
        .into_iter()
        .find(|method| earlier.takes(method) && later.takes(method))?;
    if earlier.template().precedence() < later.template().precedence() {
        return None;
    }
    Some((method, earlier.template().shared_path(later.template())?))
}

/// A function that is called through the envelope in an app whose requests are passed on as they are.
fn of_envelope(app: &App, router: &Router, function: &Function, findings: &mut Vec<Finding>) {
    let name = &function.name;
    if matches!(function.trigger, Trigger::Http(_)) {
        findings.push(Finding::warning(
            format!("{}: bindings", place(&app.root, name)),
            format!(
                "besides the request and the response it has other bindings, so its requests do not come as they are but \
                 as an envelope to POST /{name}; the handler must serve that path, too"
            ),
        ));
    }
    if let Some((route, _)) = router.find(&Method::POST, &format!("/{name}"))
        && route.function.is_http_only()
    {
        findings.push(Finding::warning(
            format!("{}: route", place(&app.root, &route.function.name)),
            format!(
                "callers can reach /{name}, where the handler takes envelopes of '{name}', through '{}' (route '{}'); \
                 the handler must refuse requests there that carry x-ms-invocation-id, or set extensions.http.routePrefix",
                route.function.name, route.text
            ),
        ));
    }
}
