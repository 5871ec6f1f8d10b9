//! Raw requests in forwarding mode: the older way, which holds the whole answer before it passes it on.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use uuid::Uuid;

use super::headers::drop_hop_by_hop;
use super::held::Held;
use super::proxy::run_raw;
use super::{HostBody, Site, empty, query_pairs};
use crate::config::Function;
use crate::invocation::{HOST_VERSION, InvokeError, Side};
use crate::tap::Kept;

/// The product token that is added to the caller's.
const PRODUCT: &str = "Azure-Functions-Host/4.1037.0";

/// Passes a request on and its answer back.
pub(super) async fn forward(site: &Site, function: &Arc<Function>, request: Request<Incoming>) -> Response<HostBody> {
    let id = Uuid::new_v4();
    let (head, body) = request.into_parts();
    // A body without a declared length is lost on this path; its framing header goes with it.
    let declared = content_length(&head.headers) > 0;
    let body = if declared {
        match Limited::new(body, site.body_limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return empty(StatusCode::PAYLOAD_TOO_LARGE),
        }
    } else {
        Bytes::new()
    };
    let asked = Side::request(&head.method, &head.uri, &head.headers, Kept::of(&body));
    run_raw(site, function, id, asked, async |limit| {
        let mut headers = head.headers;
        drop_hop_by_hop(&mut headers);
        for name in [
            header::CONTENT_ENCODING,
            header::CONTENT_DISPOSITION,
            header::CONTENT_LANGUAGE,
        ] {
            headers.remove(name);
        }
        if !declared {
            headers.remove(header::CONTENT_LENGTH);
        }
        let value = |text: String| HeaderValue::from_str(&text).map_err(|error| InvokeError::Body(error.to_string()));
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.map_or_else(|| PRODUCT.to_owned(), |agent| format!("{agent} {PRODUCT}"));
        headers.insert(header::USER_AGENT, value(agent)?);
        headers.insert("x-azure-functions-hostversion", HeaderValue::from_static(HOST_VERSION));
        headers.insert("x-azure-functions-invocationid", value(id.to_string())?);
        let path = if site.legacy {
            format!("/{}", function.name)
        } else {
            head.uri.path().to_owned()
        };
        let mut request = Request::new(Either::Left(Full::new(body)));
        *request.method_mut() = head.method;
        *request.uri_mut() = target(&path, head.uri.query()).map_err(|error| InvokeError::Body(error.to_string()))?;
        *request.headers_mut() = headers;
        let end = site.invoker.timeout().map(|limit| tokio::time::Instant::now() + limit);
        let called = site.invoker.call(function, request, Some(limit)).await?;
        let kept = Kept::default();
        let (mut head, body) = Held::response(called, &site.invoker, function, end, kept.clone()).into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| InvokeError::Body(error.to_string()))?
            .to_bytes();
        drop_hop_by_hop(&mut head.headers);
        Ok((Response::from_parts(head, Either::Left(Full::new(body))), kept))
    })
    .await
}

pub(super) fn content_length(headers: &http::HeaderMap) -> u64 {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

/// The path with the query built anew: repeated keys are one.
fn target(path: &str, query: Option<&str>) -> Result<Uri, http::uri::InvalidUri> {
    let pairs = query_pairs(query.unwrap_or_default());
    if pairs.is_empty() {
        return path.parse();
    }
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    format!("{path}?{}", query.join("&")).parse()
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector 10, its path; vector 11, its paths.
    #[test]
    fn the_query_is_built_anew() {
        let uri = target("/testFunctionName", Some("id=149656222&name=Ink%20And%20Toner")).unwrap();
        assert_eq!(uri, "/testFunctionName?id=149656222&name=Ink%20And%20Toner");
        assert_eq!(target("/api/hello", None).unwrap(), "/api/hello");
        assert_eq!(target("/", Some("a=1&a=2")).unwrap(), "/?a=1%2C2");
    }
}
