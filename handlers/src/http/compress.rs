//! Answers in gzip, for clients that take it.

use axum::{
    body::{Body, HttpBody as _},
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use std::io::Write as _;

/// Smaller answers fit in a packet as they are.
const BYTES_MIN: u64 = 1_000;
/// Larger ones are compressed beside the requests of others.
const BYTES_AT_ONCE_MAX: usize = 64 * 1024;

/// Whether `response` would be compressed for those who take it. Files that are sent as they are read are not: their length is not
/// known here.
fn is_compressible(response: &Response) -> bool {
    let headers = response.headers();
    let is_text = || {
        let media_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        media_type.starts_with(b"text/")
            || media_type.starts_with(b"application/json")
            || media_type.starts_with(b"application/problem+json")
    };
    response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|bytes| bytes >= BYTES_MIN)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && is_text()
}

/// `response` as the client takes it.
pub(crate) async fn compress(takes_gzip: bool, mut response: Response) -> Response {
    let has_form = is_compressible(&response);
    // What was not sent again may have been compressed: who keeps it is told the same as then (RFC 9110, section 15.4.5).
    if has_form || response.status() == StatusCode::NOT_MODIFIED {
        response
            .headers_mut()
            .append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if !(has_form && takes_gzip) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let plain = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // A body of known length is in memory and cannot fail.
        Err(error) => {
            tracing::error!(%error, "an answer cannot be read");
            return Response::from_parts(parts, Body::empty());
        }
    };
    let packed = if plain.len() > BYTES_AT_ONCE_MAX {
        let plain = plain.clone();
        tokio::task::spawn_blocking(move || gzip(&plain)).await.ok().flatten()
    } else {
        gzip(&plain)
    };
    let Some(packed) = packed else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    // A strong tag is of these bytes alone (RFC 9110, section 8.8.3.3).
    if let Some(tag) = parts.headers.get(header::ETAG).and_then(tag_of_gzip) {
        parts.headers.insert(header::ETAG, tag);
    }
    Response::from_parts(parts, Body::from(packed))
}

fn gzip(plain: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    // Writing to memory cannot fail.
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// What stands in a tag after the version when the answer was compressed.
pub(crate) const TAG_SUFFIX: &str = "-gzip";

/// The tag of the compressed form; `None` for a weak one, which is of both.
pub(crate) fn tag_of_gzip(tag: &HeaderValue) -> Option<HeaderValue> {
    let inner = tag
        .to_str()
        .ok()
        .filter(|tag| tag.starts_with('"'))?
        .strip_suffix('"')?;
    HeaderValue::try_from(format!("{inner}{TAG_SUFFIX}\"")).ok()
}
