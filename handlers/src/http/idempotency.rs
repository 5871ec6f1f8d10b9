//! The header `Idempotency-Key`: a request that is sent again is not done again.

use super::{Problem, problem};
use http::{HeaderMap, HeaderName, Method};
use inventory_app::Idempotency;
use inventory_domain::limits;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The request's key, where it has one, with a fingerprint of method, path and body that tells it from another request.
pub(crate) fn read(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Idempotency>, Problem> {
    // Other methods can be repeated as they are.
    if method != Method::POST {
        return Ok(None);
    }
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed());
    }
    let key = parse(value.as_bytes()).ok_or_else(malformed)?;
    let mut hash = Sha256::new();
    // Neither a method nor a path holds the separator, so that no two requests run into one.
    for part in [method.as_str().as_bytes(), b"\n", path.as_bytes(), b"\n", body] {
        hash.update(part);
    }
    let fingerprint = hex(&hash.finalize());
    Ok(Some(Idempotency { key, fingerprint }))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn malformed() -> Problem {
    Problem::new(
        problem::MALFORMED_HEADER,
        "Idempotency-Key must be one quoted string or token of at most 255 visible ASCII characters",
    )
}

/// A structured-field string (RFC 9651, section 3.3.3), or the bare token that many clients send.
fn parse(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    let mut key = String::with_capacity(value.len());
    if let Some(inner) = value.strip_prefix(b"\"") {
        let mut bytes = inner.strip_suffix(b"\"")?.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => return None,
                b'\\' => match bytes.next()? {
                    escaped @ (b'"' | b'\\') => key.push(char::from(*escaped)),
                    _ => return None,
                },
                _ => key.push(char::from(byte)),
            }
        }
    } else {
        key.extend(value.iter().map(|byte| char::from(*byte)));
        if key.contains(['"', '\\']) {
            return None;
        }
    }
    let is_visible = key.chars().all(|c| c.is_ascii_graphic());
    (is_visible && (1..=limits::IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_strings_or_tokens() {
        for (given, expected) in [
            ("\"8e03978e\"", Some("8e03978e")),
            ("8e03978e", Some("8e03978e")),
            ("\"a\\\"b\\\\c\"", Some("a\"b\\c")),
            ("", None),
            ("\"\"", None),
            ("\"", None),
            ("\"a", None),
            ("a\"b", None),
            ("\"a\"b\"", None),
            ("\"a\\n\"", None),
            ("\"a\\\"", None),
            ("two words", None),
            ("\"caf\u{e9}\"", None),
        ] {
            assert_eq!(parse(given.as_bytes()).as_deref(), expected, "{given}");
        }
        assert!(parse("x".repeat(255).as_bytes()).is_some());
        assert!(parse("x".repeat(256).as_bytes()).is_none());
    }

    #[test]
    fn fingerprints_tell_requests_apart() {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, http::HeaderValue::from_static("k"));
        let of = |path, body: &[u8]| read(&Method::POST, path, &headers, body).unwrap().unwrap().fingerprint;
        assert_eq!(of("/a", b"1"), of("/a", b"1"));
        assert_ne!(of("/a", b"1"), of("/a", b"2"));
        assert_ne!(of("/a", b"1"), of("/a1", b""));
        assert_eq!(of("/a", b"").len(), 64);
        assert_eq!(read(&Method::PUT, "/a", &headers, b"").unwrap(), None);
    }
}
