//! `docs_problem`: what a problem's `type` leads to.

use super::assets::page;
use crate::{
    http::{
        Answer, Id, Problem,
        document::Document,
        json,
        negotiate::prefers,
        problem::{self, Code},
    },
    openapi, reference,
};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;

/// A kind of problem, explained.
#[derive(Serialize)]
struct Explained {
    r#type: String,
    code: &'static str,
    status: u16,
    title: &'static str,
    /// What a caller does about it.
    remedy: &'static str,
    /// The functions that answer with it; none: the program, before a function runs.
    functions: Vec<&'static str>,
}

pub(crate) async fn handle(Id(word): Id<String>, headers: HeaderMap) -> Answer {
    let Some(code) = reference::codes().into_iter().find(|code| code.word == word) else {
        return Err(Problem::new(problem::NOT_FOUND, "there is no such problem").into());
    };
    let explained = explain(code);
    let mut response = if prefers(&headers, "text/html") {
        page(html(&explained))
    } else {
        json(&explained)?
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    // A day: a new release may say more.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    Ok(response)
}

fn explain(code: Code) -> Explained {
    let functions = openapi::functions_by_problem().remove(code.word).unwrap_or_default();
    Explained {
        r#type: format!("/problems/{}", code.word),
        code: code.word,
        status: code.status,
        title: code.title,
        remedy: reference::what_to_do(code.status),
        functions: functions.into_iter().collect(),
    }
}

/// All of it is text of ours, in which the one thing that is not plain is code between backticks.
fn html(explained: &Explained) -> String {
    let mut remedy = String::new();
    for (index, part) in explained.remedy.split('`').enumerate() {
        let part = part.replace('&', "&amp;").replace('<', "&lt;");
        if index % 2 == 0 {
            remedy += &part;
        } else {
            // Writing to a string cannot fail.
            let _ = write!(remedy, "<code>{part}</code>");
        }
    }
    let mut functions = String::new();
    for name in &explained.functions {
        let _ = write!(functions, "<li><code>{name}</code></li>");
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title></head><body><main><h1>{title}</h1><p>Status {status}, code \
         <code>{code}</code>.</p><p>{remedy}</p><h2>Answered by</h2><ul>{functions}</ul><p><a href=\"/docs\">The API</a></p></main></body></html>\n",
        title = explained.title,
        status = explained.status,
        code = explained.code,
    )
}

pub(crate) fn document() -> Document {
    let example = Explained {
        r#type: "/problems/not_found".to_owned(),
        code: problem::NOT_FOUND.word,
        status: problem::NOT_FOUND.status,
        title: problem::NOT_FOUND.title,
        remedy: reference::what_to_do(problem::NOT_FOUND.status),
        functions: vec!["products_get"],
    };
    Document::new(
        "What a problem's `type` leads to: what the code means and what to do about it; for people as a page (`Accept: text/html`).",
    )
    .other(200, "The kind of problem.", "application/json", json!(example))
    .other(200, "The kind of problem.", "text/html", json!("<!doctype html>…"))
}
