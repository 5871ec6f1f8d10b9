//! `/admin/host/keys` and `/admin/functions/{name}/keys`: the host's key management API.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Admin, refuse};
use crate::http::{HostBody, empty, json_response};
use crate::keys::KeyScope;

impl Admin {
    /// Answers for the keys of `scope`, or for one of them.
    pub(super) fn key_api(
        &self,
        method: &Method,
        scope: KeyScope<'_>,
        name: Option<&str>,
        body: &Bytes,
    ) -> Response<HostBody> {
        self.answer_keys(method, scope, name, body).unwrap_or_else(|error| {
            self.invoker
                .console()
                .error(format_args!("{} cannot be used: {error}", self.keys.path().display()));
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        })
    }

    fn answer_keys(
        &self,
        method: &Method,
        scope: KeyScope<'_>,
        name: Option<&str>,
        body: &Bytes,
    ) -> std::io::Result<Response<HostBody>> {
        let href = self.key_address(scope, name);
        let one = |status, name: &str, value: &str| {
            let body = json!({"name": name, "value": value, "links": [{"rel": "self", "href": href}]});
            json_response(status, &body)
        };
        Ok(match (method.as_str(), name) {
            ("GET", None) => {
                let keys: Vec<Value> = self
                    .keys
                    .list(scope)?
                    .into_iter()
                    .map(|(name, value)| json!({"name": name, "value": value}))
                    .collect();
                let body = json!({"keys": keys, "links": [{"rel": "self", "href": href}]});
                json_response(StatusCode::OK, &body)
            }
            ("GET", Some(name)) => match self.keys.get(scope, name)? {
                Some(value) => one(StatusCode::OK, name, &value),
                None => empty(StatusCode::NOT_FOUND),
            },
            ("POST" | "PUT", Some(name)) => {
                let value = match method.as_str() {
                    "PUT" => match given_value(body) {
                        Some(value) => Some(value),
                        None => return Ok(refuse(StatusCode::BAD_REQUEST, "Invalid key value")),
                    },
                    _ => None,
                };
                let (value, is_new) = self.keys.set(scope, name, value)?;
                let mut answer = one(if is_new { StatusCode::CREATED } else { StatusCode::OK }, name, &value);
                if is_new && let Ok(location) = HeaderValue::from_str(&href) {
                    answer.headers_mut().insert(header::LOCATION, location);
                }
                answer
            }
            ("DELETE", Some(name)) if name.starts_with('_') => refuse(StatusCode::BAD_REQUEST, "Invalid key name."),
            ("DELETE", Some(name)) if self.keys.delete(scope, name)? => empty(StatusCode::NO_CONTENT),
            _ => empty(StatusCode::NOT_FOUND),
        })
    }

    fn key_address(&self, scope: KeyScope<'_>, name: Option<&str>) -> String {
        let keys = match scope {
            KeyScope::Host => "host/keys".to_owned(),
            KeyScope::System => "host/systemkeys".to_owned(),
            KeyScope::Function(function) => format!("functions/{function}/keys"),
        };
        let name = name.map(|name| format!("/{name}")).unwrap_or_default();
        format!("{}/admin/{keys}{name}", self.base_url)
    }
}

fn given_value(body: &Bytes) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let value = value
        .as_object()?
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("value"))?
        .1;
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
