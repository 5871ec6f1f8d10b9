//! What a client takes (RFC 9110, section 12.5): names with weights.

use http::{HeaderMap, HeaderName, header};

/// How much a client wants what has this name, from 0 (not at all) to 1; `None` where it does not name it.
fn weight(headers: &HeaderMap, header: &HeaderName, name: &str) -> Option<f32> {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(name) {
                return None;
            }
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
        })
}

/// Whether it takes answers in gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight = |name| weight(headers, &header::ACCEPT_ENCODING, name);
    weight("gzip")
        .or_else(|| weight("*"))
        .is_some_and(|weight| weight > 0.0)
}

/// Whether it would rather have this media type than JSON. It must name it: what takes anything is given JSON.
pub(crate) fn prefers(headers: &HeaderMap, media_type: &str) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return false;
    }
    let weight = |name| weight(headers, &header::ACCEPT, name).unwrap_or(0.0);
    weight(media_type) > weight("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, *", false),
            ("gzip;q=x", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(takes_gzip(&headers), expected, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn csv_is_for_those_who_ask_for_it() {
        for (value, expected) in [
            ("text/csv", true),
            ("text/csv, */*;q=0.1", true),
            ("application/json;q=0.5, Text/CSV", true),
            ("application/json, text/csv", false),
            ("text/csv;q=0", false),
            ("*/*", false),
            ("text/*", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
            assert_eq!(prefers(&headers, "text/csv"), expected, "{value}");
        }
        assert!(!prefers(&HeaderMap::new(), "text/csv"));
    }
}
