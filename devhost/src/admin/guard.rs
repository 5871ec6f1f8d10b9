//! Who may use this host's own addresses: this machine, and no foreign page that is open in a browser on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};

use super::refuse;
use crate::http::{HostBody, empty};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The answer to a request that is refused. Whoever can reach these addresses can read queues and write into them.
pub(super) fn refusal(head: &Parts, peer: IpAddr) -> Option<Response<HostBody>> {
    if !peer.to_canonical().is_loopback() {
        return Some(empty(StatusCode::NOT_FOUND));
    }
    let own = head
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok())
        .or_else(|| head.uri.authority().cloned());
    let Some(own) = own.filter(is_loopback_name) else {
        // A foreign name that was made to point here (DNS rebinding) would make this the page's own origin.
        return Some(refuse(
            StatusCode::FORBIDDEN,
            "this address answers to localhost, 127.0.0.1 and [::1] only",
        ));
    };
    if is_foreign(&head.headers, &own) {
        return Some(refuse(StatusCode::FORBIDDEN, "other pages may not use this address"));
    }
    None
}

fn is_loopback_name(authority: &Authority) -> bool {
    let host = authority.host().to_ascii_lowercase();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a page of another origin sends this. Browsers say so with each request that writes, and with each whose answer
/// a script may read; who sends neither header is no browser, or a person that follows a link.
fn is_foreign(headers: &HeaderMap, own: &Authority) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        return origin.as_bytes() != format!("http://{own}").as_bytes();
    }
    headers
        .get(FETCH_SITE)
        .is_some_and(|site| site == "cross-site" || site == "same-site")
        && headers.get("sec-fetch-mode").is_none_or(|mode| mode != "navigate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn status(headers: &[(&str, &str)], peer: &str) -> u16 {
        let mut request = Request::post("/_devhost/timers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        refusal(&head, peer.parse().unwrap()).map_or(200, |response| response.status().as_u16())
    }

    #[test]
    fn this_machine_by_its_own_names() {
        for host in [
            "localhost",
            "LOCALHOST:7071",
            "127.0.0.1:7071",
            "[::1]:7071",
            "app.localhost:1",
        ] {
            assert_eq!(status(&[("host", host)], "127.0.0.1"), 200, "{host}");
        }
        assert_eq!(status(&[("host", "localhost")], "::ffff:127.0.0.1"), 200);
        assert_eq!(status(&[("host", "localhost")], "192.0.2.1"), 404);
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_refused() {
        for host in ["evil.example", "localhost.evil.example:7071", "192.0.2.1", "a b"] {
            assert_eq!(status(&[("host", host)], "127.0.0.1"), 403, "{host}");
        }
        assert_eq!(status(&[], "127.0.0.1"), 403);
    }

    #[test]
    fn foreign_pages_are_refused() {
        let host = ("host", "localhost:7071");
        for (name, value, expected) in [
            ("origin", "http://localhost:7071", 200),
            ("origin", "http://localhost:3000", 403),
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            assert_eq!(status(&[host, (name, value)], "127.0.0.1"), expected, "{name}: {value}");
        }
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(status(&link, "127.0.0.1"), 200);
    }
}
