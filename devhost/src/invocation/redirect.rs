//! Answers that point elsewhere, followed as .NET's client follows them.

use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, Uri, header};

/// Where to go next, and how.
pub(super) struct Next {
    pub(super) location: String,
    pub(super) method: Method,
}

/// What an answer to `method` asks for; `None`: nothing.
pub(super) fn next(status: StatusCode, headers: &HeaderMap, method: &Method) -> Option<Next> {
    let method = match status.as_u16() {
        300..=302 if *method == Method::POST => Method::GET,
        303 if *method != Method::HEAD => Method::GET,
        300..=303 | 307 | 308 => method.clone(),
        _ => return None,
    };
    let location = headers.get(header::LOCATION)?.to_str().ok()?.to_owned();
    Some(Next { location, method })
}

/// The path and query of `location`, seen from `base`; `None`: it is no address of the handler on `port`.
pub(super) fn target(base: &Uri, location: &str, port: u16) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with("//") || location.contains("://") {
        let uri: Uri = match location.strip_prefix("//") {
            Some(rest) => format!("http://{rest}").parse().ok()?,
            None => location.parse().ok()?,
        };
        let is_handlers = uri.scheme_str() == Some("http") && uri.authority().is_some_and(|at| is_local(at, port));
        return is_handlers.then(|| uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string));
    }
    if location.is_empty() {
        return None;
    }
    let joined = if location.starts_with('/') {
        location.to_owned()
    } else if let Some(query) = location.strip_prefix('?') {
        format!("{}?{query}", base.path())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{location}")
    };
    let uri: Uri = joined.parse().ok()?;
    uri.path_and_query().map(ToString::to_string)
}

fn is_local(authority: &Authority, port: u16) -> bool {
    authority.port_u16() == Some(port) && matches!(authority.host(), "127.0.0.1" | "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_change_as_in_dotnet() {
        let headers = HeaderMap::from_iter([(header::LOCATION, "/x".parse().unwrap())]);
        let method = |status: u16, method: Method| {
            next(StatusCode::from_u16(status).unwrap(), &headers, &method).map(|next| next.method)
        };
        for status in [300, 301, 302, 303] {
            assert_eq!(method(status, Method::POST), Some(Method::GET), "{status}");
        }
        for status in [307, 308] {
            assert_eq!(method(status, Method::POST), Some(Method::POST), "{status}");
        }
        for status in [200, 304, 305, 400] {
            assert_eq!(method(status, Method::POST), None, "{status}");
        }
        assert!(next(StatusCode::FOUND, &HeaderMap::new(), &Method::POST).is_none());
    }

    #[test]
    fn only_addresses_of_the_handler_count() {
        let base = "/folder/fn".parse().unwrap();
        let target = |location: &str| target(&base, location, 8090);
        for (location, path) in [
            ("/other?a=1#part", "/other?a=1"),
            ("other", "/folder/other"),
            ("?a=1", "/folder/fn?a=1"),
            ("http://127.0.0.1:8090/x", "/x"),
            ("//localhost:8090", "/"),
        ] {
            assert_eq!(target(location).as_deref(), Some(path), "{location}");
        }
        for location in [
            "http://127.0.0.1:8091/x",
            "http://example.test/x",
            "https://127.0.0.1:8090/x",
            "//example.test/x",
            "file:///etc/passwd",
            "",
            "a b",
        ] {
            assert_eq!(target(location), None, "{location}");
        }
    }
}
