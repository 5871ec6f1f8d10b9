//! The last line of defence for logs: what looks like a secret is blanked, whoever wrote it there. (The first is types: a
//! `SecretString` has no text to log, and nothing of ours logs a body, a header or a value of the database.)

use std::borrow::Cow;

/// What stands for a secret.
pub(super) const BLANK: &str = "***";
/// Shorter words after `Bearer` and its like are prose.
const CREDENTIAL_CHARS_MIN: usize = 12;
/// Shorter words that begin like a token of ours or a JWT are none.
const TOKEN_CHARS_MIN: usize = 20;

/// Whether what has this name is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let is_like = |word: &str| {
        name.len() >= word.len()
            && name
                .as_bytes()
                .windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    let ends_like = |word: &str| {
        name.len() >= word.len() && name.as_bytes()[name.len() - word.len()..].eq_ignore_ascii_case(word.as_bytes())
    };
    ["password", "passwd", "secret", "authorization", "cookie", "assertion"]
        .iter()
        .any(|word| is_like(word))
        || [
            "token",
            "apikey",
            "api_key",
            "api-key",
            "accesskey",
            "accountkey",
            "signature",
        ]
        .iter()
        .any(|word| ends_like(word))
        || ["pwd", "pass", "sig"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word))
}

/// The text with its secrets blanked: passwords in URLs, values of names that are secrets (`Password=…`, `"token":"…"`), credentials
/// behind their scheme (`Bearer …`), JSON web tokens, and keys of ours.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = String::new();
    // Up to where `text` is in `redacted`.
    let mut done = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let secret = if let Some(authority) = rest.strip_prefix("://") {
            user_info(authority).map(|length| (at + 3, length)).ok_or(3)
        } else {
            let word = word(rest);
            if word == 0 {
                Err(rest.chars().next().map_or(1, char::len_utf8))
            } else {
                secret_at(rest, word)
                    .map(|(skip, length)| (at + skip, length))
                    .ok_or(word)
            }
        };
        match secret {
            Ok((start, length)) => {
                redacted.push_str(&text[done..start]);
                redacted.push_str(BLANK);
                done = start + length;
                at = done;
            }
            Err(step) => at += step,
        }
    }
    if done == 0 && redacted.is_empty() {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[done..]);
    Cow::Owned(redacted)
}

/// The length of the name, number or token at the beginning.
fn word(text: &str) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.bytes().take_while(|byte| is_part(byte)).count()
}

/// The length of `user:password` before an `@`, in what stands behind `://`.
fn user_info(text: &str) -> Option<usize> {
    let end = text
        .find(|c: char| c.is_whitespace() || "/?#\"'<>\\".contains(c))
        .unwrap_or(text.len());
    text[..end].rfind('@').filter(|length| *length > 0)
}

/// Where the secret is that the word at the beginning of `text` is or announces, and its length.
fn secret_at(text: &str, word: usize) -> Option<(usize, usize)> {
    let (name, rest) = text.split_at(word);
    let is_token = ["eyJ", "inv_", "ics_"].iter().any(|start| name.starts_with(start));
    if is_token && word >= TOKEN_CHARS_MIN {
        return Some((0, word));
    }
    if is_scheme(name) {
        let length = credential(rest.strip_prefix(' ')?);
        return (length >= CREDENTIAL_CHARS_MIN).then_some((word + 1, length));
    }
    if !is_secret_name(name) {
        return None;
    }
    // `name=value`, `name: value`, `"name":"value"`, and the last with its quotes escaped.
    let rest = rest.trim_start_matches(['\\', '"', '\'']).trim_start_matches(' ');
    let rest = rest.strip_prefix(['=', ':'])?.trim_start_matches(' ');
    let quote = rest
        .trim_start_matches('\\')
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''));
    let value = rest.trim_start_matches(['\\', '"', '\'']);
    let mut length = match quote {
        Some(quote) => value
            .find(quote)
            .map_or(value.len(), |end| value[..end].trim_end_matches('\\').len()),
        None => value
            .find(|c: char| c.is_whitespace() || ",;&}".contains(c))
            .unwrap_or(value.len()),
    };
    if quote.is_none() && is_scheme(&value[..length]) && value[length..].starts_with(' ') {
        length += 1 + credential(&value[length + 1..]);
    }
    (length > 0).then(|| (text.len() - value.len(), length))
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "sharedaccesssignature", "sharedkey"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

fn credential(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || "\"',;".contains(c))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_and_what_is_around_them_stays() {
        for (text, expected) in [
            (
                "connecting to postgres://app:hunter2@db:5432/inventory",
                "connecting to postgres://***@db:5432/inventory",
            ),
            (
                "redis://:hunter2@cache and https://hunter2@host/x",
                "redis://***@cache and https://***@host/x",
            ),
            (
                "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=hunter2==;EntityPath=q",
                "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=***;EntityPath=q",
            ),
            (
                "https://x/blob?sv=1&sig=hunter2%3D&se=2",
                "https://x/blob?sv=1&sig=***&se=2",
            ),
            (
                r#"{"username":"mary","password":"hunter2","x":1}"#,
                r#"{"username":"mary","password":"***","x":1}"#,
            ),
            (
                r#"body "{\"client_secret\":\"hunter2\"}" ends"#,
                r#"body "{\"client_secret\":\"***\"}" ends"#,
            ),
            ("Authorization: Bearer hunter2.hunter2 next", "Authorization: *** next"),
            ("sent Bearer hunter2hunter2, got 401", "sent Bearer ***, got 401"),
            (
                "grant_type=password&password=hunter2&scope=x",
                "grant_type=password&password=***&scope=x",
            ),
            ("X-API-Key: hunter2", "X-API-Key: ***"),
            ("token = Some(\"hunter2\")", "token = ***"),
            ("eyJhbGciOiJIUzI1NiJ9.hunter2.sig is no token", "*** is no token"),
            ("inv_abc123_hunter2hunter2 was used", "*** was used"),
            ("päss://ö:hunter2@x", "päss://***@x"),
        ] {
            assert_eq!(redact(text), expected);
            assert_eq!(redact(expected), expected, "once is enough");
        }
    }

    #[test]
    fn what_is_no_secret_is_left_as_it_is() {
        for text in [
            "",
            "the Service Bus token could not be put anew",
            "Basic checks are done; keys = 3",
            "GET https://host/a@b?c=d",
            "inventory.order.placed inv_7 ÄÖÜ €",
            "SharedAccessKeyName=RootManageSharedAccessKey",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
