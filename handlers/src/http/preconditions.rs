//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1). An entity tag of ours is a version in quotes.

use super::{Answer, Context, Problem, answer, compress, etag, problem, query};
use axum::{body::Body, extract::FromRequestParts, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;

/// A version that nothing has: the one a caller expects who names a tag that cannot be ours.
const NO_VERSION: i64 = -1;

enum Tags<'a> {
    Any,
    /// Each tag's text between its quotes, and whether it is weak.
    These(Vec<(&'a [u8], bool)>),
}

/// The version that the caller says it starts from; `None` without the header and for `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let tags = match tags(headers, &header::IF_MATCH) {
        Ok(None | Some(Tags::Any)) => return Ok(None),
        Ok(Some(Tags::These(tags))) => tags,
        Err(()) => return Err(malformed()),
    };
    let mut versions = tags
        .iter()
        // A weak tag never matches strongly.
        .filter(|(_, is_weak)| !is_weak)
        .filter_map(|(tag, _)| version(tag));
    match (versions.next(), versions.next()) {
        (first, None) => Ok(Some(first.unwrap_or(NO_VERSION))),
        (_, Some(_)) => Err(malformed()),
    }
}

fn malformed() -> Problem {
    Problem::new(
        problem::MALFORMED_HEADER,
        "If-Match must be one ETag as it was answered, such as \"3\" in quotes, or *",
    )
}

fn version(tag: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(tag).ok()?;
    // The compressed form has a tag of its own, and is of the same version.
    text.strip_suffix(compress::TAG_SUFFIX)
        .unwrap_or(text)
        .parse()
        .ok()
        .filter(|version| *version > 0)
}

fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Tags<'a>>, ()> {
    let mut found = None;
    for value in headers.get_all(name) {
        let mut rest = value.as_bytes().trim_ascii();
        if rest == b"*" {
            return Ok(Some(Tags::Any));
        }
        let list = found.get_or_insert_with(Vec::new);
        loop {
            let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let inner = quoted.strip_prefix(b"\"").ok_or(())?;
            let end = inner.iter().position(|byte| *byte == b'"').ok_or(())?;
            list.push((&inner[..end], is_weak));
            rest = inner[end + 1..].trim_ascii_start();
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix(b",").ok_or(())?.trim_ascii_start();
        }
    }
    Ok(found.map(Tags::These))
}

/// What the caller of a single resource knows already. Refuses query parameters, of which single resources have none.
pub(crate) struct Known(Option<HeaderValue>);

impl FromRequestParts<Context> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        query::refuse_all(&parts.uri)?;
        Ok(Self(parts.headers.get(header::IF_NONE_MATCH).cloned()))
    }
}

/// Whether a list of tags has this one.
fn contains(tags: &HeaderValue, tag: &HeaderValue) -> bool {
    tags.as_bytes().windows(tag.len()).any(|part| part == tag.as_bytes())
}

impl Known {
    /// 304 where the caller has this version, else 200 with `value`.
    pub(crate) fn answer<T: Serialize>(self, version: i64, value: &T) -> Answer {
        let mut tag = etag(version);
        let mut response = if let Some(known) = self.0.filter(|known| Self::has(known.clone(), version)) {
            if let Some(of_gzip) = compress::tag_of_gzip(&tag).filter(|of_gzip| contains(&known, of_gzip)) {
                tag = of_gzip;
            }
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            answer::json(value)?
        };
        response.headers_mut().insert(header::ETAG, tag);
        Ok(response)
    }

    fn has(known: HeaderValue, current: i64) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, known);
        match tags(&headers, &header::IF_NONE_MATCH) {
            Ok(Some(Tags::Any)) => true,
            // The comparison is the weak one. What cannot be read matches nothing: the full answer is always right.
            Ok(Some(Tags::These(tags))) => tags.iter().any(|(tag, _)| version(tag) == Some(current)),
            Ok(None) | Err(()) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn if_match_is_one_strong_tag() {
        for (given, expected) in [
            ("\"3\"", Some(Some(3))),
            ("\"3-gzip\"", Some(Some(3))),
            ("\"3-zip\"", Some(Some(NO_VERSION))),
            ("*", Some(None)),
            ("W/\"3\"", Some(Some(NO_VERSION))),
            ("W/\"3\", \"4\"", Some(Some(4))),
            ("\"abc\"", Some(Some(NO_VERSION))),
            ("\"-1\"", Some(Some(NO_VERSION))),
            ("\"3\", \"4\"", None),
            ("3", None),
            ("\"3", None),
            ("\"3\" \"4\"", None),
            ("\"3\",", None),
            ("", None),
        ] {
            assert_eq!(if_match(&headers(header::IF_MATCH, given)).ok(), expected, "{given}");
        }
        assert_eq!(if_match(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (given, expected) in [
            ("\"3\"", true),
            ("\"3-gzip\"", true),
            ("W/\"3\"", true),
            ("\"2\", \"3\"", true),
            ("*", true),
            ("\"2\"", false),
            ("3", false),
        ] {
            assert_eq!(Known::has(HeaderValue::from_static(given), 3), expected, "{given}");
        }
    }
}
