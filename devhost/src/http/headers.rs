//! Headers that belong to one connection, and the spelling of header names.

use http::{HeaderMap, HeaderName, header};

const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Removes what is meant for the next hop only, and what `Connection` names.
pub(super) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The spelling that .NET gives a header in an envelope: `content-type` is `Content-Type`. Names that begin with `x-`
/// would stay as the caller wrote them; that is not known here, and lower case is what most write.
pub(super) fn spelled(name: &HeaderName) -> String {
    let name = name.as_str();
    match name {
        "te" | "dnt" => return name.to_ascii_uppercase(),
        "etag" => return "ETag".to_owned(),
        _ if name.starts_with("x-") => return name.to_owned(),
        _ => {}
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = true;
    for character in name.chars() {
        out.push(if upper {
            character.to_ascii_uppercase()
        } else {
            character
        });
        upper = character == '-';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_fixed_and_the_named() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-mine, close"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        drop_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn names_are_spelled_as_dotnet_does() {
        let spelling = |name: &str| spelled(&name.parse().unwrap());
        assert_eq!(spelling("accept-charset"), "Accept-Charset");
        assert_eq!(spelling("x-request-id"), "x-request-id");
        assert_eq!(spelling("dnt"), "DNT");
    }
}
