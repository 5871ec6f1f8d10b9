//! The host's own addresses.

#![allow(clippy::unwrap_used)]

mod support;

use http::StatusCode;
use serde_json::json;
use support::App;

fn app() -> App {
    App::new()
        .http("things", &["get"], "things")
        .function(
            "tick",
            json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 0 1 1 *"}]),
        )
        .queue("one", "orders", json!({}))
        .function("stored", json!([{"type": "blobTrigger", "name": "b", "path": "x"}]))
        .function(
            "bad",
            json!([{"type": "timerTrigger", "name": "no_good", "schedule": "* * * * *"}]),
        )
}

#[tokio::test]
async fn it_says_what_there_is() {
    let app = app();
    let host = app.start().await;
    assert_eq!(host.get("/admin/host/ping").await.status, StatusCode::OK);
    let status = host.get("/admin/host/status").await.json();
    assert_eq!(status["state"], "Running");
    assert!(status["errors"][0].as_str().unwrap().starts_with("bad: "));
    let names: Vec<_> = host.get("/admin/functions").await.json().as_array().unwrap().clone();
    let names: Vec<_> = names
        .iter()
        .map(|function| function["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["one", "stored", "things", "tick"]);
    let things = host.get("/admin/functions/THINGS").await.json();
    assert_eq!(
        things["invoke_url_template"],
        format!("http://localhost:{}/api/things", host.port)
    );
    assert_eq!(host.get("/admin/functions/tick/status").await.json(), json!({}));
    assert!(
        host.get("/admin/functions/bad/status").await.json()["errors"][0]
            .as_str()
            .unwrap()
            .contains("no_good")
    );
    assert_eq!(
        host.get("/admin/functions/none/status").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn messages_are_sent_by_hand() {
    let app = app().setting("AzureWebJobs.one.Disabled", "true");
    let host = app.start().await;
    for (entity, body, status) in [
        ("orders", r#"{"body":"x"}"#, StatusCode::CREATED),
        ("orders", r#"[{"body":"x"},{"body":"y"}]"#, StatusCode::CREATED),
        ("none", r#"{"body":"x"}"#, StatusCode::NOT_FOUND),
        ("orders", r#"{"bod":"x"}"#, StatusCode::BAD_REQUEST),
        ("orders", "x", StatusCode::BAD_REQUEST),
    ] {
        let answer = host.post(&format!("/_devhost/servicebus/{entity}"), body).await;
        assert_eq!(answer.status, status, "{entity} {body}: {}", answer.text());
    }
    assert_eq!(host.counts("orders").await, (3, 0));
}
