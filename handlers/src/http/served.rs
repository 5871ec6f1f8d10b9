//! Pages and files that are carried in the program.

use super::{Problem, negotiate::takes_gzip};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::io::Read as _;

pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
pub(crate) const CSS: &str = "text/css; charset=utf-8";

/// A file of ours, which a browser may keep for a day: a new release may bring a new one under the same name.
pub(crate) fn file(media_type: &'static str, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

/// A file of ours that belongs to this build of the program: a browser asks each time whether it is still the same.
pub(crate) fn fresh(media_type: &'static str, text: &'static str, headers: &HeaderMap) -> Response {
    let mut response = file(media_type, Bytes::from_static(text.as_bytes()));
    let tag = super::unchanged::tag(text.as_bytes());
    if super::unchanged::is_known(headers.get(header::IF_NONE_MATCH), &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// A file that is kept compressed, for a client that takes it so or does not.
pub(crate) fn packed(media_type: &'static str, gzip: &'static [u8], headers: &HeaderMap) -> Result<Response, Problem> {
    let mut response = if takes_gzip(headers) {
        let mut response = file(media_type, Bytes::from_static(gzip));
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        response
    } else {
        let mut plain = Vec::new();
        GzDecoder::new(gzip).read_to_end(&mut plain).map_err(|error| {
            tracing::error!(%error, "a file of ours cannot be read");
            Problem::from(inventory_app::Error::Internal)
        })?;
        file(media_type, plain.into())
    };
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().insert(header::VARY, vary);
    Ok(response)
}

/// A page with its policy.
pub(crate) fn page(html: impl Into<Bytes>, policy: &'static str) -> Response {
    let mut response = file("text/html; charset=utf-8", html.into());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
