//! An HTTP request as the data and metadata of an envelope.

use base64::Engine as _;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::forward::content_length;
use super::headers::spelled;
use super::proxy::{HTTP_REASON, caller_authority};
use super::{Params, query_pairs};
use crate::config::{AuthLevel, Function};
use crate::invocation::{BindingValue, Call, Metadata};
use crate::keys::Caller;

/// Makes the call of `function` for a request whose body has been read.
pub(super) fn call(function: &Function, head: &Parts, params: &Params, body: &Bytes, caller: &Caller) -> Call {
    let query = query_pairs(head.uri.query().unwrap_or_default());
    let text = body_text(&head.headers, body);
    let mut request = json!({
        "Url": url(head),
        "Method": head.method.as_str(),
        "Query": object(query.iter().map(|(name, value)| (name.clone(), json!(value)))),
        "Headers": header_lists(&head.headers),
        "Params": object(params.iter().map(|(name, value)| (name.clone(), json!(value)))),
        "Identities": [identity(caller)],
    });
    let mut metadata = Metadata::default();
    metadata.insert(
        "Query",
        &BindingValue::Object(object(query.iter().map(|(name, value)| (name.clone(), json!(value))))),
    );
    metadata.insert("Headers", &BindingValue::Object(header_texts(&head.headers)));
    for (name, value) in query.iter().filter(|(name, _)| name != "code") {
        metadata.insert(name, &BindingValue::text(value));
    }
    for (name, value) in params {
        metadata.insert_text(name, value.as_deref());
    }
    if let Some(text) = text {
        metadata.spill(&text);
        request["Body"] = Value::String(text);
    }
    Call {
        reason: HTTP_REASON.to_owned(),
        data: Map::from_iter([(function.trigger_name.clone(), request)]),
        metadata,
    }
}

fn object(pairs: impl Iterator<Item = (String, Value)>) -> Map<String, Value> {
    pairs.collect()
}

fn url(head: &Parts) -> String {
    let authority = caller_authority(&head.headers, &head.uri);
    let host = authority
        .as_ref()
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    format!("http://{host}{target}")
}

fn header_lists(headers: &HeaderMap) -> Map<String, Value> {
    object(headers.keys().map(|name| {
        let values: Vec<_> = headers.get_all(name).iter().map(text_of).collect();
        (spelled(name), json!(values))
    }))
}

fn header_texts(headers: &HeaderMap) -> Map<String, Value> {
    object(headers.keys().map(|name| {
        let values: Vec<_> = headers.get_all(name).iter().map(text_of).collect();
        (spelled(name), json!(values.join(",")))
    }))
}

fn text_of(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The body, where its length was declared: text, or base64 for what is not text. A chunked upload has none.
fn body_text(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    if content_length(headers) == 0 {
        return None;
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(
        if kind == "application/octet-stream" || kind.starts_with("multipart/") {
            base64::engine::general_purpose::STANDARD.encode(body)
        } else {
            String::from_utf8_lossy(body).into_owned()
        },
    )
}

/// Who calls: by which key, where keys are asked for; else somebody who may do everything.
fn identity(caller: &Caller) -> Value {
    let is_known = caller.level > AuthLevel::Anonymous;
    let mut claims = Vec::new();
    if is_known {
        claims.push(claim("authlevel", caller.level.name()));
    }
    if let Some(key) = &caller.key {
        claims.push(claim("keyid", key));
    }
    json!({
        "AuthenticationType": is_known.then_some("WebJobsAuthLevel"),
        "IsAuthenticated": is_known,
        "Actor": null,
        "BootstrapContext": null,
        "Claims": claims,
        "Label": null,
        "Name": null,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    })
}

fn claim(kind: &str, value: &str) -> Value {
    json!({
        "Issuer": "LOCAL AUTHORITY",
        "OriginalIssuer": "LOCAL AUTHORITY",
        "Properties": {},
        "Type": format!("http://schemas.microsoft.com/2017/07/functions/claims/{kind}"),
        "Value": value,
        "ValueType": "http://www.w3.org/2001/XMLSchema#string",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, parse_function};
    use std::path::Path;

    fn make(request: http::request::Builder, params: &Params, body: &'static str) -> Call {
        let json = json!({"bindings": [{"type": "httpTrigger", "name": "req"},
            {"type": "http", "direction": "out", "name": "res"}]});
        let function = parse_function("fn", Path::new("."), &json, &Settings::default()).unwrap();
        let (head, ()) = request.body(()).unwrap().into_parts();
        call(
            &function,
            &head,
            params,
            &Bytes::from_static(body.as_bytes()),
            &Caller::everybody(),
        )
    }

    /// Vector 9.
    #[test]
    fn a_request_is_a_plain_object() {
        let request = http::Request::get("/?id=149656222&name=Ink%20And%20Toner")
            .header("host", "localhost")
            .header("accept", "text/plain")
            .header("accept-charset", "UTF-8")
            .header("content-length", "13");
        let call = make(request, &Params::new(), "\"hello world\"");
        let data = &call.data["req"];
        assert_eq!(
            data["Url"],
            json!("http://localhost/?id=149656222&name=Ink%20And%20Toner")
        );
        assert_eq!(data["Query"], json!({"id": "149656222", "name": "Ink And Toner"}));
        assert_eq!(data["Headers"]["Accept"], json!(["text/plain"]));
        assert_eq!(data["Body"], json!("\"hello world\""));
        assert_eq!(data["Method"], json!("GET"));
        assert_eq!(data["Identities"][0]["AuthenticationType"], json!("WebJobsAuthLevel"));
    }

    #[test]
    fn metadata_has_query_params_and_body() {
        let request = http::Request::post("/x?code=secret&page=2").header("content-length", "9");
        let params = vec![("id".to_owned(), Some("5".to_owned())), ("none".to_owned(), None)];
        let call = make(request, &params, "{\"sku\":1}");
        assert_eq!(call.data["req"]["Params"], json!({"id": "5", "none": null}));
        let metadata = call.metadata.finish("fn");
        assert_eq!(metadata["page"], json!("\"2\""));
        assert_eq!(metadata["id"], json!("\"5\""));
        assert_eq!(metadata["sku"], json!("\"1\""));
        assert_eq!(metadata["Query"], json!({"code": "secret", "page": "2"}));
        assert_eq!(metadata["Headers"]["Content-Length"], json!("9"));
        assert!(!metadata.contains_key("code") && !metadata.contains_key("none"));
    }

    #[test]
    fn a_chunked_body_is_lost_and_bytes_are_base64() {
        let call = make(http::Request::post("/x"), &Params::new(), "text");
        assert!(call.data["req"].get("Body").is_none());
        let request = http::Request::post("/x")
            .header("content-length", "4")
            .header("content-type", "application/octet-stream");
        assert_eq!(
            make(request, &Params::new(), "text").data["req"]["Body"],
            json!("dGV4dA==")
        );
    }
}
