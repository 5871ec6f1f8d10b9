//! Answers of the host itself.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use serde_json::Value;

use super::held::Held;

/// What the host answers with: bytes of its own, or the handler's as they come.
pub type HostBody = Either<Full<Bytes>, Held>;

/// A status and nothing else.
pub fn empty(status: StatusCode) -> Response<HostBody> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}

/// A status and bytes of a type.
pub fn bytes_response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<HostBody> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A status and JSON.
pub fn json_response(status: StatusCode, value: &Value) -> Response<HostBody> {
    bytes_response(status, "application/json; charset=utf-8", value.to_string())
}
