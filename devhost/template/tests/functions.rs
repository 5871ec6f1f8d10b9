//! Every function, called as the host calls it.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

async fn send(request: Request<Body>) -> (StatusCode, Value) {
    let response = new_app::app().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn call(function: &str, data: Value) -> (StatusCode, Value) {
    let envelope = json!({ "Data": data, "Metadata": {} });
    let request = Request::post(format!("/{function}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(envelope.to_string().into())
        .unwrap();
    send(request).await
}

/// A text as the host puts it into an envelope.
fn text(body: &str) -> String {
    Value::from(body).to_string()
}

#[tokio::test]
async fn greets_by_name() {
    let (status, body) = send(Request::get("/api/greet/Ada").body(Body::empty()).unwrap()).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "greeting": "Hello, Ada!" })));
}

#[tokio::test]
async fn processes_a_message() {
    let (status, reply) = call("process", json!({ "message": text(r#"{"title": "Plants"}"#) })).await;
    assert_eq!((status, &reply["Logs"]), (StatusCode::OK, &json!(["done: Plants"])));
}

#[tokio::test]
async fn gives_back_what_it_cannot_process() {
    for body in ["not JSON", "{}", r#"{"title": ""}"#] {
        let (status, _) = call("process", json!({ "message": text(body) })).await;
        assert!(status.is_client_error(), "{body}: {status}");
    }
}

#[tokio::test]
async fn ticks() {
    let (status, reply) = call("tick", json!({ "timer": { "IsPastDue": true } })).await;
    assert_eq!((status, &reply["Logs"]), (StatusCode::OK, &json!(["tick, late"])));
}
