//! Cross-origin requests, answered by the host as the platform does: the handler never sees a preflight.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::{HostBody, empty};

/// Who may call from a browser.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Vec<String>,
    credentials: bool,
}

impl Cors {
    /// Reads a comma list of origins, or `*`. Empty: no cross-origin rules at all.
    pub fn new(origins: &str, credentials: bool) -> Self {
        let origins = origins
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .collect();
        Self { origins, credentials }
    }

    /// The answer to a preflight; `None` where the request is none.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<HostBody>> {
        if self.origins.is_empty()
            || method != Method::OPTIONS
            || !headers.contains_key(header::ORIGIN)
            || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = empty(StatusCode::NO_CONTENT);
        if self.allow(headers, response.headers_mut()) {
            for (asked, answered) in [
                (
                    header::ACCESS_CONTROL_REQUEST_METHOD,
                    header::ACCESS_CONTROL_ALLOW_METHODS,
                ),
                (
                    header::ACCESS_CONTROL_REQUEST_HEADERS,
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                ),
            ] {
                if let Some(value) = headers.get(asked) {
                    response.headers_mut().insert(answered, value.clone());
                }
            }
        }
        Some(response)
    }

    /// Adds to an answer what lets the caller's page read it.
    pub(super) fn decorate(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if !self.origins.is_empty() {
            self.allow(request, response);
        }
    }

    fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) -> bool {
        let Some(origin) = request.get(header::ORIGIN) else {
            return false;
        };
        let any = self.origins.iter().any(|known| known == "*");
        let named = self
            .origins
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()));
        if !any && !named {
            return false;
        }
        // A wildcard and credentials exclude each other; the origin itself serves both.
        let value = if any && !self.credentials {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        };
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.credentials {
            response.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT".parse().unwrap());
        headers
    }

    #[test]
    fn a_known_origin_is_let_in() {
        let cors = Cors::new("http://a.test/, http://b.test", true);
        let answer = cors.preflight(&Method::OPTIONS, &request("http://b.test")).unwrap();
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://b.test");
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], "PUT");
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        let answer = cors.preflight(&Method::OPTIONS, &request("http://c.test")).unwrap();
        assert!(!answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    #[test]
    fn without_rules_options_goes_to_the_function() {
        assert!(
            Cors::new("", false)
                .preflight(&Method::OPTIONS, &request("http://a.test"))
                .is_none()
        );
        assert!(
            Cors::new("*", false)
                .preflight(&Method::GET, &request("http://a.test"))
                .is_none()
        );
    }
}
