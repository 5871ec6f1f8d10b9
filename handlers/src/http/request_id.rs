//! The id of a request: in logs, problems, audit rows and the answer.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The host's id of the invocation.
pub(crate) const INVOCATION_ID: HeaderName = HeaderName::from_static("x-azure-functions-invocationid");
/// Longer ones are somebody's mistake; they would end in every log line.
const CHARS_MAX: usize = 128;

/// A request's id; clones share the text.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's own id where it is sane, else the host's, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        [X_REQUEST_ID, INVOCATION_ID]
            .iter()
            .filter_map(|name| headers.get(name))
            .find(|value| is_sane(value.as_bytes()))
            .map_or_else(Self::new, |value| Self(value.clone()))
    }

    fn new() -> Self {
        let mut text = Uuid::encode_buffer();
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only sane text gets in here.
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Letters, digits and the separators that ids have: nothing that a log or a header could misread.
fn is_sane(value: &[u8]) -> bool {
    (1..=CHARS_MAX).contains(&value.len())
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/=+|@".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        let mut headers = HeaderMap::new();
        headers.insert(INVOCATION_ID, HeaderValue::from_static("b0b5"));
        assert_eq!(RequestId::of(&headers).as_str(), "b0b5");
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("order-17"));
        assert_eq!(RequestId::of(&headers).as_str(), "order-17");
        for bad in ["", "two words", "\"quoted\"", &"x".repeat(129)] {
            headers.insert(X_REQUEST_ID, HeaderValue::from_str(bad).unwrap());
            assert_eq!(RequestId::of(&headers).as_str(), "b0b5", "{bad}");
        }
        assert_eq!(RequestId::of(&HeaderMap::new()).as_str().len(), 36);
    }
}
