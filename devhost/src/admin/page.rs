//! The page at `/_devhost`: three files that are part of the program.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::http::{HostBody, bytes_response};

/// Nothing but these files may run or be asked, and nobody may put the page into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file at `rest`, what follows `/_devhost`.
pub(super) fn file(rest: &str) -> Option<Response<HostBody>> {
    let (content_type, text) = match rest {
        "" | "/" => ("text/html; charset=utf-8", include_str!("../../page/index.html")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("../../page/page.css")),
        "/page.js" => ("text/javascript; charset=utf-8", include_str!("../../page/page.js")),
        _ => return None,
    };
    let mut response = bytes_response(StatusCode::OK, content_type, text);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another version of the program may answer here next.
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}
