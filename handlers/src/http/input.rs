//! Reading JSON and paths.

use super::{Context, Problem, problem, query::violation};
use axum::extract::{FromRequestParts, Path};
use http::{HeaderMap, header, request::Parts};
use inventory_domain::{
    Violation, account, alert, channel, count, file_job, hold, location, order, product, purchase, replenishment,
    returns, shipment, stock, supplier, transfer, webhook,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::error::Category;
use std::str::FromStr;

/// The id in a path. What the host's constraint lets through and we cannot read is nobody's id.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<Context> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let Path(text): Path<String> = Path::from_request_parts(parts, context)
            .await
            .map_err(|_| not_an_id())?;
        text.parse().map(Self).map_err(|_| not_an_id())
    }
}

fn not_an_id() -> Problem {
    Problem::new(problem::NOT_FOUND, "nothing has such an id")
}

/// What a request's body may be read as.
pub(crate) trait Input: DeserializeOwned {
    /// Whether a request may come without a body.
    const MAY_BE_ABSENT: bool = false;
}

impl Input for product::NewProduct {}
impl Input for product::ProductChanges {}
impl Input for location::NewLocation {}
impl Input for location::LocationChanges {}
impl Input for stock::AddStock {}
impl Input for stock::AdjustStock {}
impl Input for stock::StockChanges {}
impl Input for order::NewOrder {}
impl Input for returns::NewReturn {}
impl Input for hold::NewHold {}
impl Input for hold::HoldExtension {}
impl Input for hold::HoldCommit {}
impl Input for transfer::NewTransfer {}
impl Input for transfer::TransferChanges {}
impl Input for account::NewClient {}
impl Input for account::NewUser {}
impl Input for account::AccountChanges {}
impl Input for account::NewApiKey {}
impl Input for file_job::NewExport {}
impl Input for alert::Snooze {}
impl Input for channel::NewChannel {}
impl Input for channel::ChannelChanges {}
impl Input for webhook::NewWebhook {}
impl Input for webhook::WebhookChanges {}
impl Input for supplier::NewSupplier {}
impl Input for supplier::SupplierChanges {}
impl Input for purchase::NewPurchaseOrder {}
impl Input for purchase::PurchaseChanges {}
impl Input for purchase::Receipt {}
impl Input for replenishment::Replenishment {}
impl Input for count::NewCount {}
impl Input for count::Record {}

impl Input for transfer::TransferReceipt {
    const MAY_BE_ABSENT: bool = true;
}

impl Input for account::Rotation {
    const MAY_BE_ABSENT: bool = true;
}

impl Input for shipment::NewShipment {
    const MAY_BE_ABSENT: bool = true;
}

impl Input for shipment::NewCancellation {
    const MAY_BE_ABSENT: bool = true;
}

/// The input of a request that says everything with its path.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl Input for Nothing {
    const MAY_BE_ABSENT: bool = true;
}

/// Reads JSON, telling what is not JSON at all (400) from JSON that is not what was asked for (422).
pub(crate) fn json<T: Input>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let body = if T::MAY_BE_ABSENT && body.is_empty() {
        b"{}"
    } else {
        check_content_type(headers)?;
        body
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let error = match serde_path_to_error::deserialize(&mut reader) {
        Ok(value) => match reader.end() {
            Ok(()) => return Ok(value),
            Err(error) => return Err(malformed(&error)),
        },
        Err(error) => error,
    };
    if is_well_formed(error.inner(), body) {
        Err(Problem::invalid(vec![wrong(&error)]))
    } else {
        Err(malformed(error.inner()))
    }
}

/// Absent counts as JSON: the body says so soon enough.
fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || essence
            .rsplit_once('+')
            .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"));
    if is_json {
        Ok(())
    } else {
        Err(Problem::new(
            problem::UNSUPPORTED_MEDIA_TYPE,
            "send application/json, or a media type that ends in +json",
        ))
    }
}

/// Whether the body is JSON although it could not be read: the error may stand before a syntax error further on. A number
/// beyond all bounds is JSON too, though the reader calls it a syntax error.
fn is_well_formed(error: &serde_json::Error, body: &[u8]) -> bool {
    match error.classify() {
        Category::Data => serde_json::from_slice::<IgnoredAny>(body).is_ok(),
        Category::Syntax => error.to_string().starts_with("number out of range"),
        Category::Eof | Category::Io => false,
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = if error.is_eof() && error.line() <= 1 && error.column() == 0 {
        "the body is empty".to_owned()
    } else {
        error.to_string()
    };
    Problem::new(problem::MALFORMED_JSON, detail)
}

/// What is wrong, and where.
fn wrong(error: &serde_path_to_error::Error<serde_json::Error>) -> Violation {
    let text = error.inner().to_string();
    // The place in the text says less than the pointer.
    let detail = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    let mut at = pointer(error.path());
    let named = || detail.split('`').nth(1).map(escape);
    let code = match detail {
        _ if detail.starts_with("missing field") => {
            if let Some(name) = named() {
                at = format!("{at}/{name}");
            }
            "missing"
        }
        _ if detail.starts_with("unknown field") => {
            if let Some(name) = named()
                && !at.ends_with(&format!("/{name}"))
            {
                at = format!("{at}/{name}");
            }
            "unknown_field"
        }
        _ if detail.starts_with("duplicate field") => "repeated",
        _ if detail.starts_with("unknown variant") => "unknown_word",
        _ if detail.starts_with("number out of range") => "out_of_range",
        _ => "wrong_type",
    };
    let detail = detail
        .replace("expected i64", "expected a whole number")
        .replace("expected struct", "expected an object:")
        .replace("unknown variant", "unknown word");
    violation(at, code, detail)
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_domain::{order::NewOrder, stock::AddStock};

    fn refused<T: Input>(body: &str) -> String {
        match json::<T>(&HeaderMap::new(), body.as_bytes()) {
            Ok(_) => "fine".to_owned(),
            Err(problem) => format!("{} {problem:?}", problem.code().word),
        }
    }

    #[test]
    fn what_is_not_json_is_told_from_what_is_not_right() {
        for (body, word, at) in [
            ("", "malformed_json", "is empty"),
            ("{", "malformed_json", "EOF"),
            ("nonsense", "malformed_json", ""),
            (r#"{"product_id":1,"quantity":}"#, "malformed_json", ""),
            (r#"{"product_id":"x","quantity":}"#, "malformed_json", ""),
            (r#"{"product_id":1,"quantity":1} 2"#, "malformed_json", "trailing"),
            ("[]", "invalid", "pointer: \"\""),
            (r#"{"product_id":1}"#, "invalid", "pointer: \"/quantity\""),
            (
                r#"{"product_id":1,"quantity":"x"}"#,
                "invalid",
                "pointer: \"/quantity\"",
            ),
            (
                r#"{"product_id":1,"quantity":1.5}"#,
                "invalid",
                "pointer: \"/quantity\"",
            ),
            (
                r#"{"product_id":1,"quantity":9e99}"#,
                "invalid",
                "pointer: \"/quantity\"",
            ),
            (
                r#"{"product_id":1,"quantity":1e999}"#,
                "invalid",
                "pointer: \"/quantity\"",
            ),
            (
                r#"{"product_id":1,"quantity":99999999999999999999}"#,
                "invalid",
                "pointer: \"/quantity\"",
            ),
            (
                r#"{"product_id":1,"quantity":1,"a/b":1}"#,
                "invalid",
                "pointer: \"/a~1b\"",
            ),
            (
                r#"{"product_id":1,"quantity":1,"quantity":2}"#,
                "invalid",
                "code: \"repeated\"",
            ),
        ] {
            let found = refused::<AddStock>(body);
            assert!(found.starts_with(word), "{body}: {found}");
            assert!(found.contains(at), "{body}: {found}");
        }
        assert_eq!(refused::<AddStock>(r#"{"product_id":1,"quantity":1}"#), "fine");
    }

    #[test]
    fn pointers_reach_into_lists() {
        let found = refused::<NewOrder>(r#"{"customer":"C","lines":[{"quantity":1},{"quantity":1,"colour":"red"}]}"#);
        assert!(found.contains("pointer: \"/lines/1/colour\""), "{found}");
        let found = refused::<NewOrder>(r#"{"customer":"C","on_shortage":"panic","lines":[]}"#);
        assert!(found.contains("pointer: \"/on_shortage\""), "{found}");
        assert!(found.contains("unknown_word"), "{found}");
    }

    #[test]
    fn media_types_that_are_json_pass() {
        for (value, is_json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("json", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, http::HeaderValue::from_static(value))]);
            assert_eq!(check_content_type(&headers).is_ok(), is_json, "{value}");
        }
    }

    #[test]
    fn nothing_may_be_absent_or_empty() {
        assert_eq!(refused::<Nothing>(""), "fine");
        assert_eq!(refused::<Nothing>("{}"), "fine");
        assert!(refused::<Nothing>(r#"{"why":"?"}"#).starts_with("invalid"));
    }
}
