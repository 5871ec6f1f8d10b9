//! Service Bus's REST operations, as anything that speaks HTTP uses them.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use support::{Answer, App, Host};

const BATCH: &str = "application/vnd.microsoft.servicebus.json";

/// An app with a queue `orders` whose function is off, so that messages stay, and the port of the REST operations.
async fn start(app: &App) -> (Host, String) {
    let mut host = app.start_with(&["--rest-port", "0"]).await;
    let line = host.line("Service Bus's REST operations can send to port ").await;
    let port = line.split("port ").nth(1).unwrap().trim_end_matches('.').to_owned();
    (host, port)
}

async fn post(host: &Host, port: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = Request::post(format!("http://127.0.0.1:{port}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    host.send(request.body(Full::new(body.into())).unwrap()).await
}

#[tokio::test]
async fn one_message_is_a_call() {
    let app = App::new().queue("one", "orders", json!({}));
    let (mut host, port) = start(&app).await;
    let headers = [
        (
            "BrokerProperties",
            r#"{"MessageId": "m-1", "Label": "s", "SessionId": "x"}"#,
        ),
        ("Content-Type", "application/json"),
        ("Priority", "\"High\""),
    ];
    let answer = post(
        &host,
        &port,
        "/orders/messages?timeout=60",
        &headers,
        r#"{"number": 2}"#,
    )
    .await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::CREATED, ""));
    let call = host.envelope("one").await;
    let metadata = &call["envelope"]["Metadata"];
    assert_eq!(metadata["MessageId"], "\"m-1\"");
    assert_eq!(metadata["Label"], "\"s\"");
    assert_eq!(metadata["SessionId"], "\"x\"");
    assert_eq!(metadata["ContentType"], "\"application/json\"");
    assert_eq!(metadata["ApplicationProperties"], json!({"priority": "High"}));
    host.stop().await;
}

#[tokio::test]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .setting("AzureWebJobs.one.Disabled", "true");
    let (mut host, port) = start(&app).await;
    let headers = [("Content-Type", BATCH)];
    let good = json!([{"Body": "a", "BrokerProperties": {"MessageId": "1"}}, {"Body": "b"}]).to_string();
    assert_eq!(
        post(&host, &port, "/orders/messages", &headers, good).await.status,
        StatusCode::CREATED
    );
    assert_eq!(host.counts("orders").await.0, 2);
    let bad = json!([{"Body": "c"}, {"Body": "d", "BrokerProperties": {"MessageId": "x".repeat(129)}}]).to_string();
    assert_eq!(
        post(&host, &port, "/orders/messages", &headers, bad).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(host.counts("orders").await.0, 2);
    host.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_as_the_service_does() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .setting("AzureWebJobs.one.Disabled", "true");
    let (mut host, port) = start(&app).await;
    for (path, headers, body, status) in [
        ("/nope/messages", vec![], Bytes::new(), 404),
        ("/orders", vec![], Bytes::new(), 404),
        ("/", vec![], Bytes::new(), 404),
        ("/orders/messages", vec![], vec![b' '; 1024 * 1024 + 1].into(), 413),
        ("/orders/messages", vec![], vec![b' '; 9 * 1024 * 1024].into(), 413),
        ("/orders/messages", vec![("BrokerProperties", "{")], Bytes::new(), 400),
        ("/orders/messages", vec![("Content-Type", BATCH)], "{}".into(), 400),
    ] {
        let answer = post(&host, &port, path, &headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {headers:?}");
        assert!(
            answer
                .text()
                .starts_with(&format!("<Error><Code>{status}</Code><Detail>")),
            "{}",
            answer.text()
        );
    }
    let receive = Request::delete(format!("http://127.0.0.1:{port}/orders/messages/head"));
    let answer = host.send(receive.body(Full::new(Bytes::new())).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(host.counts("orders").await.0, 0);
    host.stop().await;
}
