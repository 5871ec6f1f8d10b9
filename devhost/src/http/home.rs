//! The page at `/` where no function has that route.

use http::{Response, StatusCode};

use super::{HostBody, bytes_response};

const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Functions</title></head>\
<body style=\"font-family: sans-serif; margin: 4rem auto; max-width: 40rem\"><h1>Your functions app is up and running</h1>\
<p>This is the home page of the local host. The console lists the functions and their addresses;
<a href=\"/_devhost\">/_devhost</a> shows what they do.</p></body></html>\n";

/// The page.
pub(super) fn page() -> Response<HostBody> {
    bytes_response(StatusCode::OK, "text/html; charset=utf-8", PAGE)
}
