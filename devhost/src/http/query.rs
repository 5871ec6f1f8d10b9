//! Query strings.

use super::router::percent_decode;

/// The parameters of a query, decoded, in their order; repeated keys are joined with commas, as the host does.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (decode(name), decode(value));
        match pairs.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, known)) => {
                known.push(',');
                known.push_str(&value);
            }
            None => pairs.push((name, value)),
        }
    }
    pairs
}

fn decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_joins() {
        let pairs = query_pairs("id=1&name=Ink%20And+Toner&ID=2&flag&x=%ZZ");
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            pairs,
            [("id", "1,2"), ("name", "Ink And Toner"), ("flag", ""), ("x", "%ZZ")]
        );
    }
}
