//! `docs_ui`

use super::assets::page;
use crate::http::{Answer, document::Document};
use serde_json::json;

const PAGE: &str = include_str!("../../assets/ui.html");

pub(crate) async fn handle() -> Answer {
    Ok(page(PAGE))
}

pub(crate) fn document() -> Document {
    Document::new("A page to read this document and to try it out. It needs no internet.").other(
        200,
        "The page.",
        "text/html",
        json!("<!doctype html>…"),
    )
}
