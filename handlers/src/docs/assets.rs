//! `docs_assets`: the files of the documentation pages, carried in the program so that they need no internet.

use crate::http::{
    Answer, Id, Problem,
    document::Document,
    problem,
    served::{self, CSS, JAVASCRIPT},
};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

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
        media_type: JAVASCRIPT,
        gzip: include_bytes!("../../assets/swagger-ui-bundle.js.gz"),
    },
    Asset {
        name: "swagger-ui.css",
        media_type: CSS,
        gzip: include_bytes!("../../assets/swagger-ui.css.gz"),
    },
    Asset {
        name: "redoc.standalone.js",
        media_type: JAVASCRIPT,
        gzip: include_bytes!("../../assets/redoc.standalone.js.gz"),
    },
];

/// The one script of our own: what a page may not hold inline.
const START: (&str, &str) = ("swagger-start.js", include_str!("../../assets/swagger-start.js"));

pub(crate) async fn handle(Id(name): Id<String>, headers: HeaderMap) -> Answer {
    if name == START.0 {
        return Ok(served::file(JAVASCRIPT, Bytes::from_static(START.1.as_bytes())));
    }
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return Err(Problem::new(problem::NOT_FOUND, "there is no such file").into());
    };
    Ok(served::packed(asset.media_type, asset.gzip, &headers)?)
}

/// A page of the documentation.
pub(super) fn page(html: impl Into<Bytes>) -> Response {
    served::page(html, CONTENT_SECURITY_POLICY)
}

pub(crate) fn document() -> Document {
    Document::new("Scripts and styles of the documentation pages.").other(
        200,
        "The file.",
        "text/css",
        json!(".swagger-ui{…}"),
    )
}
