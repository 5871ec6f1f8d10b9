//! Handlers that know nothing of devhost, in three languages and by their standard libraries alone, behind it as they are.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};
use support::{App, Host};

fn source(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/strangers")
        .join(name);
    path.to_str().unwrap().to_owned()
}

/// An app whose handler is started by this command.
fn app(program: &str, arguments: &[&str]) -> App {
    let out = json!({"type": "serviceBus", "direction": "out", "name": "out", "queueName": "made", "connection": "SB"});
    let trigger =
        |queue: &str| json!({"type": "serviceBusTrigger", "name": "message", "queueName": queue, "connection": "SB"});
    App::new()
        .host(
            "/customHandler/description",
            json!({"defaultExecutablePath": program, "arguments": arguments}),
        )
        .http("raw", &["get", "put"], "raw/{*rest}")
        .function(
            "greet",
            json!([
                {"type": "httpTrigger", "direction": "in", "name": "req", "methods": ["get"], "authLevel": "anonymous"},
                {"type": "http", "direction": "out", "name": "res"},
                out,
            ]),
        )
        .function("pass", json!([trigger("given"), out]))
        .function("arrive", json!([trigger("made")]))
        .function(
            "tick",
            json!([{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 0 0 1 1 *"}]),
        )
}

/// Envelopes, their outputs, and what comes of them.
async fn is_called(host: &mut Host, language: &str) {
    let answer = host.get("/api/greet?name=Ada").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{language}");
    assert_eq!(
        (answer.text().as_str(), &answer.headers["x-by"]),
        ("GET Ada", &http::HeaderValue::from_str(language).unwrap())
    );
    host.line(&format!("greeting in {language}")).await;
    host.line("ARRIVED greeted Ada! by 1").await;

    host.message("given", json!({"body": "a word", "messageId": "1"})).await;
    host.line(&format!("ARRIVED a word in {language} by 1")).await;
    host.line("ARRIVED a word again by 1").await;

    let fired = host
        .post("/admin/functions/tick", json!({"input": ""}).to_string())
        .await;
    assert_eq!(fired.status, StatusCode::ACCEPTED);
    host.line("TICK false").await;
}

/// A raw request, as it is passed on.
async fn is_asked(host: &Host, language: &str, query: &str) {
    let request = Request::builder()
        .method(Method::PUT)
        .uri(host.url(&format!("/api/raw/some/where?{query}")))
        .body(Full::new(Bytes::from("a body")))
        .unwrap();
    let answer = host.send(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{language}");
    assert_eq!(answer.text(), "PUT /api/raw/some/where 1 a body", "{language}");
}

async fn behaves(app: App, language: &str) {
    let mut host = app.start().await;
    is_called(&mut host, language).await;
    is_asked(&host, language, "a=1&b=2").await;
    host.stop().await;

    // The older way of passing requests on.
    let app = app
        .host("/customHandler/enableProxyingHttpRequest", Value::Bool(false))
        .host("/customHandler/enableForwardingHttpRequest", Value::Bool(true));
    let mut host = app.start().await;
    is_asked(&host, language, "a=1&b=2").await;
    is_called(&mut host, language).await;
    host.stop().await;
}

#[tokio::test]
async fn node() {
    behaves(app("node", &[&source("handler.js")]), "node").await;
}

#[tokio::test]
async fn python() {
    behaves(app("python3", &[&source("handler.py")]), "python").await;
}

#[tokio::test]
async fn c() {
    let folder = App::new();
    let program = folder.path().join("handler");
    let built = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"])
        .arg(&program)
        .arg(source("handler.c"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    behaves(app(program.to_str().unwrap(), &[]), "c").await;
}
