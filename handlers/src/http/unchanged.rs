//! Entity tags of answers that have no version (lists): a hash of what is answered, so that whoever asks again and again is told
//! that nothing has changed.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use std::hash::{DefaultHasher, Hasher as _};

/// The tag of these bytes: weak, since what is compared is what they say.
pub(crate) fn tag(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    // Hexadecimal digits, letters and quotes are always a header value.
    HeaderValue::try_from(format!("W/\"{:016x}\"", hasher.finish()))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Whether the caller has what has this tag. What cannot be read matches nothing: the full answer is always right.
pub(crate) fn is_known(known: Option<&HeaderValue>, tag: &HeaderValue) -> bool {
    let plain = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let (Some(known), Ok(tag)) = (known.and_then(|value| value.to_str().ok()), tag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .any(|one| one.trim() == "*" || plain(one) == plain(tag))
}

/// The answer with its tag, or without its body where the caller has it.
pub(crate) async fn answer(known: Option<HeaderValue>, mut response: Response) -> Response {
    let headers = response.headers();
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/json");
    if response.status() != StatusCode::OK || headers.contains_key(header::ETAG) || !is_json {
        return response;
    }
    let body = std::mem::take(response.body_mut());
    // Answers of ours are whole in memory: this waits for nothing.
    let Ok(whole) = body.collect().await else {
        return super::Problem::from(inventory_app::Error::Internal).into_response();
    };
    let bytes = whole.to_bytes();
    let tag = tag(&bytes);
    if is_known(known.as_ref(), &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else {
        *response.body_mut() = Body::from(bytes);
    }
    response.headers_mut().insert(header::ETAG, tag);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let tag = tag(b"[]");
        let text = tag.to_str().unwrap();
        for (known, expected) in [
            (text.to_owned(), true),
            (text.trim_start_matches("W/").to_owned(), true),
            (format!("\"1\", {text}"), true),
            ("*".to_owned(), true),
            (String::new(), false),
        ] {
            assert_eq!(
                is_known(Some(&HeaderValue::try_from(known.as_str()).unwrap()), &tag),
                expected,
                "{known}"
            );
        }
        assert_ne!(tag, super::tag(b"[1]"));
        assert!(!is_known(None, &tag));
    }
}
