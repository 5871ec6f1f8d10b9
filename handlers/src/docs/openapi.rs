//! `docs_openapi`

use crate::http::{Answer, document::Document};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::json;
use std::sync::OnceLock;

/// Made once, when it is first asked for: a start should not wait for it.
static DOCUMENT: OnceLock<Bytes> = OnceLock::new();

pub(crate) async fn handle() -> Answer {
    let bytes = DOCUMENT.get_or_init(|| {
        serde_json::to_vec(&crate::openapi_document())
            .unwrap_or_default()
            .into()
    });
    let mut response = Response::new(Body::from(bytes.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

pub(crate) fn document() -> Document {
    Document::new("This API in OpenAPI 3.1, made from the program itself.").other(
        200,
        "The document.",
        "application/json",
        json!({ "openapi": "3.1.0", "info": { "title": "Inventory", "version": "0.1.0" }, "paths": {} }),
    )
}
