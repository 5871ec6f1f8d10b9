//! `docs_assets`: the files of the documentation pages, carried in the program so that they need no internet.

use crate::http::{Answer, Id, Problem, document::Document, negotiate::takes_gzip, problem};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use std::io::Read as _;

/// A page may load what we serve, and nothing from anywhere else: the pages' own scripts would.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' \
                                       data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; \
                                       frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

struct Asset {
    name: &'static str,
    media_type: &'static str,
    gzip: &'static [u8],
}

/// See `assets/NOTICE` for where they are from.
const ASSETS: &[Asset] = &[
    Asset {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("../../assets/swagger-ui-bundle.js.gz"),
    },
    Asset {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        gzip: include_bytes!("../../assets/swagger-ui.css.gz"),
    },
    Asset {
        name: "redoc.standalone.js",
        media_type: "text/javascript; charset=utf-8",
        gzip: include_bytes!("../../assets/redoc.standalone.js.gz"),
    },
];

/// The one script of our own: what a page may not hold inline.
const START: (&str, &str) = ("swagger-start.js", include_str!("../../assets/swagger-start.js"));

pub(crate) async fn handle(Id(name): Id<String>, headers: HeaderMap) -> Answer {
    if name == START.0 {
        return Ok(file(
            "text/javascript; charset=utf-8",
            Bytes::from_static(START.1.as_bytes()),
        ));
    }
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return Err(Problem::new(problem::NOT_FOUND, "there is no such file").into());
    };
    let mut response = if takes_gzip(&headers) {
        let mut response = file(asset.media_type, Bytes::from_static(asset.gzip));
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        response
    } else {
        let mut plain = Vec::new();
        GzDecoder::new(asset.gzip).read_to_end(&mut plain).map_err(|error| {
            tracing::error!(%error, name = asset.name, "a file of ours cannot be read");
            Problem::from(inventory_app::Error::Internal)
        })?;
        file(asset.media_type, plain.into())
    };
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().insert(header::VARY, vary);
    Ok(response)
}

fn file(media_type: &'static str, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A day: a new release may bring new ones under the same names.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

/// A page of the documentation.
pub(super) fn page(html: &'static str) -> Response {
    let mut response = file("text/html; charset=utf-8", Bytes::from_static(html.as_bytes()));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

pub(crate) fn document() -> Document {
    Document::new("Scripts and styles of the documentation pages.").other(
        200,
        "The file.",
        "text/css",
        json!(".swagger-ui{…}"),
    )
}
