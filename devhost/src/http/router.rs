//! Which function a request is for.

use std::sync::Arc;

use http::Method;

use super::template::{Params, Template};
use crate::config::{Function, FunctionProblem, Trigger};

/// The routes of an app in the order in which they are tried: that of the functions' names. There is no precedence of
/// the more specific one, as there is none on the Functions host.
#[derive(Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
}

/// One function's route.
#[derive(Debug)]
pub struct Route {
    /// The function.
    pub function: Arc<Function>,
    /// The whole template, prefix included, as it is printed.
    pub text: String,
    template: Template,
    methods: Vec<Method>,
}

impl Route {
    /// Whether requests of `method` may be for it.
    pub fn takes(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    /// The template, ready to match.
    pub fn template(&self) -> &Template {
        &self.template
    }
}

impl Router {
    /// Makes the table. A function whose template cannot be read is left out and named.
    pub fn new(functions: &[Arc<Function>], prefix: &str, problems: &mut Vec<FunctionProblem>) -> Self {
        let mut routes = Vec::new();
        for function in functions {
            let Trigger::Http(trigger) = &function.trigger else {
                continue;
            };
            let route = trigger.route.as_deref().unwrap_or(&function.name).trim_matches('/');
            let text = [prefix, route]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("/");
            let mut fail = |reason: String| {
                problems.push(FunctionProblem {
                    name: function.name.clone(),
                    reason,
                });
            };
            let methods: Result<Vec<Method>, _> = trigger
                .methods
                .iter()
                .map(|method| Method::from_bytes(method.as_bytes()))
                .collect();
            match (Template::parse(&text), methods) {
                (Ok(template), Ok(methods)) => {
                    routes.push(Route {
                        function: Arc::clone(function),
                        text,
                        template,
                        methods,
                    });
                }
                (Err(reason), _) => fail(format!("the route '{text}' is not valid: {reason}")),
                (_, Err(_)) => fail("one of its methods is not an HTTP method".to_owned()),
            }
        }
        Self { routes }
    }

    /// The first route that takes `method` and `path`. The method is part of the match: there is no 405.
    pub fn find(&self, method: &Method, path: &str) -> Option<(&Route, Params)> {
        let segments: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(percent_decode)
            .collect();
        self.routes
            .iter()
            .filter(|route| route.takes(method))
            .find_map(|route| Some((route, route.template.matches(&segments)?)))
    }

    /// Every route.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// Decodes `%41`; what is no UTF-8 afterwards is kept as it came.
pub(super) fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let pair = bytes
            .get(index + 1..index + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let decoded = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[index], decoded) {
            (b'%', Some(byte)) => {
                out.push(byte);
                index += 3;
            }
            (byte, _) => {
                out.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, parse_function};
    use serde_json::json;
    use std::path::Path;

    fn router(functions: &[(&str, &[&str], &str)], prefix: &str) -> (Router, Vec<FunctionProblem>) {
        let functions: Vec<_> = functions
            .iter()
            .map(|(name, methods, route)| {
                let json = json!({"bindings": [
                    {"type": "httpTrigger", "name": "req", "methods": methods, "route": route},
                    {"type": "http", "direction": "out", "name": "res"}]});
                Arc::new(parse_function(name, Path::new("."), &json, &Settings::default()).unwrap())
            })
            .collect();
        let mut problems = Vec::new();
        let router = Router::new(&functions, prefix, &mut problems);
        (router, problems)
    }

    fn found(router: &Router, method: &Method, path: &str) -> Option<String> {
        router.find(method, path).map(|(route, _)| route.function.name.clone())
    }

    #[test]
    fn the_first_name_wins_whatever_is_more_specific() {
        let (router, _) = router(
            &[
                ("inventory_get", &["get"], "inventory/{id}"),
                ("inventory_low", &["get"], "inventory/low-stock"),
            ],
            "",
        );
        assert_eq!(
            found(&router, &Method::GET, "/inventory/low-stock").as_deref(),
            Some("inventory_get")
        );
    }

    /// Vector 38, its first part.
    #[test]
    fn the_method_is_part_of_the_match() {
        let (router, _) = router(
            &[("a", &["post"], "orders"), ("b", &["GET"], "orders"), ("c", &[], "")],
            "api",
        );
        assert_eq!(found(&router, &Method::POST, "/api/orders").as_deref(), Some("a"));
        assert_eq!(found(&router, &Method::GET, "/api/orders").as_deref(), Some("b"));
        assert_eq!(found(&router, &Method::PUT, "/api/orders"), None);
        assert_eq!(found(&router, &Method::DELETE, "/api/c").as_deref(), Some("c"));
        assert_eq!(found(&router, &Method::GET, "/orders"), None);
    }

    #[test]
    fn paths_are_decoded_and_slashes_at_the_ends_do_not_count() {
        let (router, _) = router(&[("a", &[], "x/{name}")], "");
        let (_, params) = router.find(&Method::GET, "/x/a%20b%2Fc/").unwrap();
        assert_eq!(params, [("name".to_owned(), Some("a b/c".to_owned()))]);
    }

    #[test]
    fn a_bad_route_is_named() {
        let (router, problems) = router(&[("a", &[], "{x")], "");
        assert!(router.routes().is_empty());
        assert!(problems[0].reason.contains("not valid"));
    }
}
