//! Requests: raw ones, enveloped ones, and those that no function gets.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use support::App;

const SECOND_OUTPUT: &str = r#"[
    {"type": "httpTrigger", "direction": "in", "name": "req", "route": "full/{id?}"},
    {"type": "http", "direction": "out", "name": "res"},
    {"type": "serviceBus", "direction": "out", "name": "out", "queueName": "results", "connection": "SB"}
]"#;

#[tokio::test]
async fn a_proxied_request_arrives_as_it_was_sent() {
    let app = App::new().http("things", &["post"], "things/{id:int}");
    let host = app.start().await;
    let request = Request::post(host.url("/API/Things/5?a=1&a=2&name=Ink%20And%20Toner"))
        .header("x-forwarded-for", "1.2.3.4")
        .header("x-forwarded-prefix", "/spoofed")
        .header("x-ms-invocation-id", "spoofed")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("cookie", "a=b")
        .body(Full::new(Bytes::from_static(b"\"hello world\"")))
        .unwrap();
    let answer = host.send(request).await;
    assert_eq!(answer.status, StatusCode::OK);
    let echo = answer.json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["target"], "/API/Things/5?a=1&a=2&name=Ink%20And%20Toner");
    assert_eq!(echo["body"], "\"hello world\"");
    let headers = &echo["headers"];
    assert!(headers["host"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-host"], format!("127.0.0.1:{}", host.port));
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["cookie"], "a=b");
    assert_eq!(headers["x-ms-invocation-id"], headers["x-azure-functions-invocationid"]);
    assert_ne!(headers["x-ms-invocation-id"], "spoofed");
    assert!(
        headers["x-azure-functions-hostversion"]
            .as_str()
            .unwrap()
            .starts_with("4.")
    );
    for gone in ["x-hop", "connection", "x-forwarded-prefix"] {
        assert!(headers.get(gone).is_none(), "{gone}");
    }
}

#[tokio::test]
async fn a_chunked_body_is_streamed_through() {
    let app = App::new().http("things", &["post"], "things");
    let host = app.start().await;
    let frames = ["one ", "two ", "three"].map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from(text))));
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let answer = host
        .send(Request::post(host.url("/api/things")).body(body).unwrap())
        .await;
    assert_eq!(answer.json()["body"], "one two three");
    assert_eq!(answer.json()["headers"]["transfer-encoding"], "chunked");
}

#[tokio::test]
async fn browsers_of_named_origins_may_call() {
    let app = App::new().http("things", &["get"], "things");
    let host = app.start_with(&["--cors", "http://a.test"]).await;
    let ask = |origin: &str| {
        Request::options(host.url("/api/things"))
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let answer = host.send(ask("http://a.test")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://a.test");
    assert!(
        !host
            .send(ask("http://b.test"))
            .await
            .headers
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );
    let request = Request::get(host.url("/api/things")).header(header::ORIGIN, "http://a.test");
    let answer = host.send(request.body(Full::<Bytes>::default()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://a.test");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_declared_or_not() {
    let app = App::new()
        .http("things", &["post"], "things")
        .setting("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "10");
    let host = app.start().await;
    assert_eq!(host.post("/api/things", "0123456789").await.status, StatusCode::OK);
    assert_eq!(
        host.post("/api/things", "0123456789x").await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let frames = ["0123456789", "x"].map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from(text))));
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed();
    let answer = host
        .send(Request::post(host.url("/api/things")).body(body).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_profile_hands_everything_to_the_handler() {
    let app = App::new()
        .host("/configurationProfile", json!("web-app-custom-handler"))
        .host("/customHandler/enableProxyingHttpRequest", json!(false));
    let host = app.start().await;
    for path in ["/", "/any/thing?x=1"] {
        let answer = host.get(path).await;
        assert_eq!(answer.json()["target"], path);
        assert!(answer.json()["headers"]["x-forwarded-for"].is_string());
    }
}

#[tokio::test]
async fn more_requests_than_may_wait_are_429() {
    let app = App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .host(
            "/extensions/http",
            json!({"maxConcurrentRequests": 1, "maxOutstandingRequests": 2}),
        )
        .http("slow", &["post"], "slow");
    let mut host = app.start().await;
    let first = host.post_apart("/api/slow", "stay");
    let second = host.post_apart("/api/slow", "stay");
    // One of them is in the handler, the other may not have come yet.
    host.envelope("slow").await;
    let mut third = host.post("/api/slow", "third").await;
    if third.status != StatusCode::TOO_MANY_REQUESTS {
        third = host.post("/api/slow", "fourth").await;
    }
    assert_eq!(third.status, StatusCode::TOO_MANY_REQUESTS);
    first.abort();
    second.abort();
}

#[tokio::test]
async fn an_envelopes_answer_may_point_elsewhere_in_the_handler() {
    let app = App::new().function("full", serde_json::from_str(SECOND_OUTPUT).unwrap());
    let mut host = app.start().await;
    let moved = json!({"replies": {
        "/full": {"status": 307, "location": "moved?a=1"},
        "/moved": {"body": {"Outputs": {"res": {"statusCode": 202, "body": "there"}}}},
    }});
    let answer = host.post("/api/full", moved.to_string()).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::ACCEPTED, "there"));
    assert_eq!(host.envelope("full").await["id"], host.envelope("moved").await["id"]);
    // 302 turns a POST into a GET without a body.
    let found = json!({"reply": {"status": 302, "location": "/other"}});
    assert_eq!(host.post("/api/full", found.to_string()).await.status, StatusCode::OK);
    for (location, words) in [
        ("http://example.test/", "redirects to http://example.test/"),
        ("/full", "redirects to itself, again and again"),
    ] {
        let away = json!({"reply": {"status": 307, "location": location}});
        let answer = host.post_apart("/api/full", away.to_string());
        host.line(words).await;
        assert_eq!(answer.await.unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn head_and_options_are_methods_like_others() {
    let app = App::new()
        .host(
            "/extensions/http",
            json!({"customHeaders": {"X-Content-Type-Options": "nosniff"}}),
        )
        .http("things", &["get", "head", "options"], "things")
        .http("others", &["get"], "others");
    let mut host = app.start().await;
    for (method, path, status) in [
        ("HEAD", "/api/things", StatusCode::OK),
        ("OPTIONS", "/api/things", StatusCode::OK),
        ("HEAD", "/api/others", StatusCode::NOT_FOUND),
        ("OPTIONS", "/api/others", StatusCode::NOT_FOUND),
    ] {
        let request = Request::builder().method(method).uri(host.url(path));
        let answer = host.send(request.body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        if method == "HEAD" {
            assert!(answer.body.is_empty());
        }
    }
    for words in [
        "Executing 'Functions.things' (Reason=",
        "Executed 'Functions.things' (Succeeded, Id=",
    ] {
        host.line(words).await;
    }
}

#[tokio::test]
async fn a_cosmos_output_is_a_line_a_document() {
    let app = App::new().function(
        "stored",
        json!([
            {"type": "httpTrigger", "direction": "in", "name": "req", "route": "stored"},
            {"type": "http", "direction": "out", "name": "res"},
            {"type": "cosmosDB", "direction": "out", "name": "doc", "connection": "C", "databaseName": "shop",
                "containerName": "%Container%", "createIfNotExists": true}
        ]),
    );
    let app = app.setting("Container", "events");
    let mut host = app.start().await;
    let output =
        |doc: Value| json!({"reply": {"body": {"Outputs": {"res": {"statusCode": 201}, "doc": doc}}}}).to_string();
    for doc in [
        json!({"id": "a", "n": 1}),
        json!([{"id": "b"}, {"id": "a", "n": 2}]),
        Value::Null,
    ] {
        assert_eq!(host.post("/api/stored", output(doc)).await.status, StatusCode::CREATED);
    }
    assert_eq!(
        host.post("/api/stored", output(json!({"n": 1}))).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    host.line("output 'doc': Cosmos DB refuses a document without a text")
        .await;
    let text = std::fs::read_to_string(app.path().join("data/cosmosdb/shop/events.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| (line["id"].as_str().unwrap(), line["_operation"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("a", "create"), ("b", "create"), ("a", "replace")]);
}

#[tokio::test]
async fn an_output_that_nobody_serves_fails_loudly() {
    let app = App::new().function(
        "blobs",
        json!([
            {"type": "httpTrigger", "direction": "in", "name": "req", "route": "blobs"},
            {"type": "http", "direction": "out", "name": "res"},
            {"type": "blob", "direction": "out", "name": "file", "path": "x/y", "connection": "C"}
        ]),
    );
    let mut host = app.start().await;
    let reply = json!({"reply": {"body": {"Outputs": {"file": "text"}}}}).to_string();
    assert_eq!(
        host.post("/api/blobs", reply).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    host.line("output 'file': this host cannot write to the type 'blob'")
        .await;
    // What the function leaves out is not written.
    assert_eq!(host.post("/api/blobs", "{}").await.status, StatusCode::CREATED);
}
