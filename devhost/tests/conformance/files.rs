//! What the app's files say: vectors 23, 29, 34 and 38.

use devhost::timers::Cron;
use http::{StatusCode, header};
use serde_json::json;

use super::support::App;

/// What the program says when it does not start.
async fn refusal(app: &App) -> String {
    app.write();
    let output = app.command(&[]).output().await.unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn vector_23_a_description_is_needed() {
    for (handler, words) in [
        (json!({}), "Missing worker Description."),
        (
            json!({"description": {"invalid": "x"}}),
            "WorkerDescription DefaultExecutablePath cannot be empty",
        ),
    ] {
        let said = refusal(&App::new().host("/customHandler", handler)).await;
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn vector_29_routes_may_stand_in_host_json() {
    let routes = json!([{"route": "/alpha"}, {"route": "{*catchAll}"}, {"route": "{"}]);
    let app = App::new().host("/customHandler/http", json!({"routes": routes}));
    let node = app.setting("FUNCTIONS_WORKER_RUNTIME", "node");
    let said = refusal(&node).await;
    assert!(said.contains("only allowed for worker runtime: custom"), "{said}");
    let app = node.setting("FUNCTIONS_WORKER_RUNTIME", "custom");
    let host = app.start().await;
    for (path, function) in [("/api/Alpha", "http-handler1"), ("/api/any/thing", "http-handler2")] {
        assert_eq!(host.get(path).await.json()["target"], path);
        let last = &host.get("/_devhost/invocations?count=1").await.json()[0];
        assert_eq!(last["function"], function);
    }
    let status = host.get("/admin/functions/http-handler3/status").await.json();
    assert!(status["errors"][0].as_str().unwrap().contains("not valid"), "{status}");
}

/// It shows in autumn only, which is in the tests of `timers::zone`.
#[test]
fn vector_34_what_repeats_within_a_day_is_an_interval() {
    for (text, is_interval) in [
        ("0 0 * * * *", true),
        ("* * * * *", true),
        ("0 0-15 * * * *", true),
        ("0 0 0 * * *", false),
        ("0 0 * * 1", false),
    ] {
        assert_eq!(Cron::parse(text).unwrap().is_interval(), is_interval, "{text}");
    }
}

#[tokio::test]
async fn vector_38_what_no_function_takes_is_a_bare_404() {
    let app = App::new()
        .http("things", &["post"], "things")
        .http("off", &[], "off")
        .setting("AzureWebJobs.off.Disabled", "true");
    let host = app.start().await;
    for path in [
        "/api/things",
        "/api/off",
        "/api/none",
        "/things",
        "/admin/none",
        "/_devhost/none",
    ] {
        let answer = host.get(path).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (StatusCode::NOT_FOUND, ""),
            "{path}"
        );
    }
    let home = host.get("/").await;
    assert_eq!(home.status, StatusCode::OK);
    assert!(
        home.headers[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}

/// The keys themselves are in `tests/keys.rs`.
#[tokio::test]
async fn vector_38_a_wrong_key_is_401() {
    let app = App::new().http("things", &["post"], "things");
    let host = app.start_with(&["--enable-auth"]).await;
    let refused = host.post("/api/things?code=wrong", "x").await;
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (StatusCode::UNAUTHORIZED, "")
    );
    assert_eq!(host.get("/api/things?code=wrong").await.status, StatusCode::NOT_FOUND);
    assert_eq!(host.get("/admin/functions").await.status, StatusCode::UNAUTHORIZED);
}
