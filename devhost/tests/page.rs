//! The page at `/_devhost`, in a browser; and who may use it.

#![allow(clippy::unwrap_used)]

#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a library's file: not all of it is used here"
)]
#[path = "../../tests/src/browser.rs"]
mod browser;
mod support;

use std::path::{Path, PathBuf};

use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use support::App;

/// A message that would do harm where it is taken for markup.
const HOSTILE: &str = "fail <img src=x onerror=document.title='taken'><script>document.title='taken'</script>";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

#[tokio::test]
async fn a_timer_is_fired_an_invocation_read_and_a_dead_letter_resubmitted() {
    let app = App::new()
        .http("things_list", &["get", "post"], "things/{id:int?}")
        .function(
            "things_sweep",
            json!([{"type": "timerTrigger", "name": "timer", "schedule": "0 0 0 1 1 *"}]),
        )
        .queue("things_process", "things", json!({}))
        .function(
            "bad",
            json!([{"type": "timerTrigger", "name": "no_good", "schedule": "* * * * *"}]),
        );
    let entities = json!({"UserConfig": {"Namespaces": [{"Queues": [
        {"Name": "things", "Properties": {"MaxDeliveryCount": 2}}]}]}});
    std::fs::write(app.path().join("servicebus.json"), entities.to_string()).unwrap();
    let examples = app.path().join("tests/examples/things_process");
    std::fs::create_dir_all(&examples).unwrap();
    std::fs::write(examples.join("normal.json"), r#"{"body": {"thing": 7}}"#).unwrap();
    let mut host = app.start_with(&["--quiet"]).await;
    host.message("things", json!({"body": HOSTILE})).await;
    for _ in 0..2 {
        host.envelope("things_process").await;
    }
    // Stays for whoever wants to look, and is the picture in the README.
    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join("devhost-page.png");
    let _ = std::fs::remove_file(&screenshot);
    let input = json!({"url": host.url("/_devhost"), "screenshot": screenshot, "hostile": HOSTILE});
    let seen = browser::run(&here("browser/page.mjs"), &input).await;
    // Once by the button of each: the timer, and the message's third delivery.
    assert_eq!(
        host.envelope("things_sweep").await["envelope"]["Data"]["timer"]["IsPastDue"],
        false
    );
    assert!(
        host.envelope("things_process").await["envelope"]["Data"]["m"]
            .as_str()
            .unwrap()
            .contains("onerror")
    );
    assert_eq!(seen["title"], "devhost", "a message ran as a script");
    assert!(seen["timer"].as_str().unwrap().contains("IsPastDue"), "{seen}");
    assert!(
        seen["timer"].as_str().unwrap().contains("a line from the function"),
        "{seen}"
    );
    assert!(seen["http"].as_str().unwrap().starts_with("200 OK"), "{seen}");
    assert!(seen["http"].as_str().unwrap().contains("/api/things"), "{seen}");
    assert!(seen["deadLetter"].as_str().unwrap().contains(HOSTILE), "{seen}");
    assert_eq!(seen["example"], "{\n  \"body\": {\n    \"thing\": 7\n  }\n}");
    assert!(seen["problems"].as_str().unwrap().contains("no_good"), "{seen}");
    assert!(std::fs::read(&screenshot).unwrap().starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn a_function_that_wants_a_key_is_run_with_one() {
    let function = |level: &str, route: &str| {
        json!([
            {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": level, "route": route, "methods": ["get"]},
            {"type": "http", "direction": "out", "name": "res"}
        ])
    };
    let app = App::new()
        .function("open", function("anonymous", "open"))
        .function("locked", function("function", "locked"));
    let mut host = app.start_with(&["--enable-auth"]).await;
    let line = host.earlier_line("Master key").await;
    let master = line.rsplit(' ').next().unwrap();
    let input = json!({"url": host.url("/_devhost"), "key": master});
    let seen = browser::run(&here("browser/keys.mjs"), &input).await;
    assert_eq!(seen["asked"], false, "an open function wants no key");
    assert!(seen["open"].as_str().unwrap().starts_with("200 "), "{seen}");
    assert!(seen["locked"].as_str().unwrap().starts_with("200 "), "{seen}");
    assert_eq!(host.get("/api/locked").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn foreign_pages_and_foreign_names_are_refused() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .setting("AzureWebJobs.one.Disabled", "true");
    let host = app.start_with(&["--cors", "*"]).await;
    let send = async |headers: &[(&str, &str)]| {
        let mut request = Request::post(host.url("/_devhost/servicebus/orders"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        host.send(request.body(Full::from(r#"{"body": "x"}"#)).unwrap())
            .await
            .status
    };
    let own = format!("localhost:{}", host.port);
    assert_eq!(send(&[("host", "evil.example")]).await, StatusCode::FORBIDDEN);
    assert_eq!(
        send(&[("host", &own), ("origin", "http://evil.example")]).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(host.counts("orders").await, (0, 0));
    assert_eq!(
        send(&[("host", &own), ("origin", &format!("http://{own}"))]).await,
        StatusCode::CREATED
    );
    assert_eq!(host.counts("orders").await, (1, 0));
    let page = host.get("/_devhost").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    assert_eq!(
        host.get("/_devhost/page.js").await.headers["x-content-type-options"],
        "nosniff"
    );
}

/// What the handler has written is read beside its answer, and may come a little later.
#[tokio::test]
async fn a_line_of_json_is_kept_with_the_invocation_it_names() {
    let app = App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .http("things", &["post"], "things");
    let mut host = app.start_with(&["--json"]).await;
    host.post("/api/things", "say-json").await;
    let console: serde_json::Value = serde_json::from_str(&host.earlier_line("said in JSON").await).unwrap();
    let id = host.get("/_devhost/invocations?count=1").await.json()[0]["id"].clone();
    let id = id.as_str().unwrap();
    let said = format!(r#"{{"invocation_id":"{id}","message":"said in JSON"}}"#);
    let is_told = console["message"] == said || console["logs"][0] == said;
    assert!(is_told && console["level"].is_string(), "{console}");
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let one = host.get(&format!("/_devhost/invocations/{id}")).await.json();
        if one["logs"].as_array().unwrap().contains(&json!(said)) {
            break;
        }
        assert!(tokio::time::Instant::now() < limit, "{one}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_passed_is_kept() {
    let app = App::new().http("things", &["post"], "things");
    let host = app.start_with(&["--quiet"]).await;
    let long = "x".repeat(100_000);
    let request = Request::post(host.url("/api/things?a=1&code=secret"))
        .header("authorization", "Bearer secret")
        .body(Full::from(long))
        .unwrap();
    assert_eq!(host.send(request).await.status, StatusCode::OK);
    let all = host.get("/_devhost/invocations?count=1").await.json();
    let id = all[0]["id"].as_str().unwrap();
    let one = host.get(&format!("/_devhost/invocations/{id}")).await.json();
    let head = one["request"]["head"].as_str().unwrap();
    assert!(head.starts_with("POST /api/things?a=1&code=…\n"), "{head}");
    assert!(!head.contains("secret"), "{head}");
    assert_eq!(one["request"]["body"]["length"], 100_000);
    assert_eq!(one["request"]["body"]["truncated"], true);
    assert!(one["reply"]["head"].as_str().unwrap().starts_with("200 OK\n"));
    // The handler says back what it got, and more of it than is kept.
    assert!(
        one["reply"]["body"]["text"]
            .as_str()
            .unwrap()
            .contains("\"body\":\"xxx")
    );
    assert_eq!(one["reply"]["body"]["truncated"], true);
    let unknown = host
        .get(&format!("/_devhost/invocations/{}", uuid::Uuid::new_v4()))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
