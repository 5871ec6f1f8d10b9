//! Function and host keys, and the API that manages them.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use support::{Answer, App, Host};

fn function(level: &str, route: &str) -> Value {
    json!([
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": level, "route": route},
        {"type": "http", "direction": "out", "name": "res"}
    ])
}

fn app() -> App {
    App::new()
        .function("open", function("anonymous", "open"))
        .function("one", function("function", "one"))
        .function("two", function("function", "two"))
        .function("all", function("admin", "all"))
        .function("off", function("function", "off"))
        .setting("AzureWebJobs.off.Disabled", "true")
}

async fn call(host: &Host, method: Method, path: &str, key: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(host.url(path))
        .header("x-functions-key", key)
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    host.send(request).await
}

async fn status(host: &Host, path: &str, key: &str) -> u16 {
    call(host, Method::GET, path, key, "").await.status.as_u16()
}

/// The master key, as it is told at the first start.
async fn master(host: &mut Host) -> String {
    let line = host.earlier_line("Master key").await;
    line.rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn each_key_opens_what_it_is_for() {
    let app = app();
    let mut host = app.start_with(&["--enable-auth"]).await;
    let master = master(&mut host).await;
    let host_key = call(&host, Method::GET, "/admin/host/functionkeys/default", &master, "").await;
    let host_key = host_key.json()["value"].as_str().unwrap().to_owned();
    let own = call(&host, Method::GET, "/admin/functions/one/keys", &master, "")
        .await
        .json();
    let own = own["keys"][0]["value"].as_str().unwrap().to_owned();
    for (path, none, own_key, with_host_key, with_master) in [
        ("/api/open", 200, 200, 200, 200),
        ("/api/one", 401, 200, 200, 200),
        ("/api/two", 401, 401, 200, 200),
        ("/api/all", 401, 401, 401, 200),
        // The route first, then the key, then whether it is switched off.
        ("/api/none", 404, 404, 404, 404),
        ("/api/off", 401, 401, 404, 200),
        ("/admin/functions", 401, 401, 401, 200),
        ("/admin/host/status", 401, 401, 401, 200),
        ("/admin/host/ping", 200, 200, 200, 200),
    ] {
        for (key, wanted) in [
            ("", none),
            (&own, own_key),
            (&host_key, with_host_key),
            (&master, with_master),
        ] {
            assert_eq!(status(&host, path, key).await, wanted, "{path} {key}");
        }
    }
    let by_query = |path: &str, key: &str| format!("{path}?code={key}");
    assert_eq!(host.get(&by_query("/api/one", &own)).await.status, StatusCode::OK);
    // The header counts before the query.
    assert_eq!(status(&host, &by_query("/api/one", &own), "wrong").await, 401);
    let refused = host.get("/api/one").await;
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (StatusCode::UNAUTHORIZED, "")
    );
}

#[tokio::test]
async fn keys_are_managed_as_in_azure() {
    let app = app();
    let mut host = app.start_with(&["--enable-auth"]).await;
    let master = master(&mut host).await;
    let put = r#"{"name": "mine", "value": "my own value"}"#;
    for (method, path, body, wanted) in [
        (Method::PUT, "/admin/functions/one/keys/mine", put, 201),
        (Method::PUT, "/admin/functions/ONE/keys/Mine", put, 200),
        (Method::PUT, "/admin/functions/one/keys/mine", "{}", 400),
        (Method::PUT, "/admin/functions/none/keys/mine", put, 404),
        (Method::POST, "/admin/host/keys/extra", "", 201),
        (Method::POST, "/admin/host/functionkeys/extra", "", 200),
        (Method::POST, "/admin/host/systemkeys/events_extension", "", 201),
        (Method::GET, "/admin/host/keys/none", "", 404),
        (Method::DELETE, "/admin/host/keys/extra", "", 204),
        (Method::DELETE, "/admin/host/keys/extra", "", 404),
        (Method::DELETE, "/admin/host/systemkeys/_master", "", 400),
        (Method::DELETE, "/admin/host/keys", "", 404),
    ] {
        let answer = call(&host, method.clone(), path, &master, body).await;
        assert_eq!(answer.status.as_u16(), wanted, "{method} {path}: {}", answer.text());
    }
    assert_eq!(status(&host, "/api/one", "my own value").await, 200);
    let listed = call(&host, Method::GET, "/admin/functions/one/keys", &master, "")
        .await
        .json();
    assert_eq!(listed["keys"][0], json!({"name": "mine", "value": "my own value"}));
    assert!(
        listed["links"][0]["href"]
            .as_str()
            .unwrap()
            .ends_with("/admin/functions/one/keys")
    );
    let system = call(&host, Method::GET, "/admin/host/systemkeys", &master, "")
        .await
        .json();
    assert_eq!(system["keys"].as_array().unwrap().len(), 1);
    // A new master key takes the place of the one that asks for it.
    let renewed = call(&host, Method::POST, "/admin/host/systemkeys/_master", &master, "").await;
    assert_eq!(renewed.status, StatusCode::OK);
    let renewed = renewed.json()["value"].as_str().unwrap().to_owned();
    assert_eq!(status(&host, "/admin/host/keys", &master).await, 401);
    host.stop().await;
    // It is the same one after a restart, which tells no key any more.
    let host = app.start_with(&["--enable-auth"]).await;
    assert!(!host.has_seen("Master key"));
    assert_eq!(status(&host, "/admin/host/keys", &renewed).await, 200);
    assert_eq!(status(&host, "/api/one", "my own value").await, 200);
}

#[tokio::test]
async fn an_envelope_says_whose_key_it_was() {
    let app = app().host("/customHandler/enableProxyingHttpRequest", json!(false));
    let mut host = app.start_with(&["--enable-auth"]).await;
    let master = master(&mut host).await;
    for (path, key, claims) in [
        ("/api/one", master.as_str(), json!(["Admin", "master"])),
        ("/api/open", "", json!([])),
    ] {
        call(&host, Method::POST, path, key, "x").await;
        let name = path.trim_start_matches("/api/");
        let identity = host.envelope(name).await["envelope"]["Data"]["req"]["Identities"][0].clone();
        let values: Vec<Value> = identity["Claims"]
            .as_array()
            .unwrap()
            .iter()
            .map(|claim| claim["Value"].clone())
            .collect();
        assert_eq!(json!(values), claims);
        assert_eq!(identity["IsAuthenticated"], !key.is_empty());
    }
}

#[tokio::test]
async fn without_the_flag_all_is_open() {
    let app = app();
    let host = app.start().await;
    assert_eq!(host.get("/api/all").await.status, StatusCode::OK);
    assert_eq!(host.get("/api/one?code=wrong").await.status, StatusCode::OK);
    assert!(!app.path().join("data/keys.json").exists());
    let keys = host.get("/admin/functions/one/keys").await.json();
    assert_eq!(keys["keys"][0]["name"], "default");
}
