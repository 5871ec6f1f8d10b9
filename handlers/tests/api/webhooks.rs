//! Webhooks over HTTP.

use crate::client::Api;
use http::Method;
use inventory_tests::receiver::Receiver;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/webhooks";

async fn api(settings: &[(&str, &str)]) -> Api {
    let all = [&[("WEBHOOK_MASTER_KEY", "a master key of these tests")], settings].concat();
    let api = Api::unstarted(&all);
    api.app.start().await;
    api
}

fn new(name: &str, url: &str) -> Value {
    json!({ "name": name, "url": url, "events": ["inventory.product.created"] })
}

#[tokio::test]
async fn webhooks_are_made_tried_and_deleted() {
    let api = api(&[("WEBHOOK_ALLOW_LOOPBACK", "true")]).await;
    let receiver = Receiver::with_status(204).await;
    let key = ("idempotency-key", "one");
    let body = new("Shop", &receiver.url("/hook"));
    let made = api.json(Method::POST, PATH, &[key], &body).await.expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let secret = made.body()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    let again = api.json(Method::POST, PATH, &[key], &body).await.expect(201);
    assert_eq!(
        (&again.body()["secret"], &again.body()["webhook"]),
        (&Value::Null, &made.body()["webhook"])
    );
    let path = made.header("location").unwrap().to_owned();
    let shown = api.get(&path).await.expect(200);
    assert_eq!(shown.body(), made.body()["webhook"]);
    assert!(!String::from_utf8_lossy(&shown.bytes).contains(&secret[6..]));
    api.post(PATH, &body).await.problem(409, "receiver_name_taken");

    let (product, _) = api.product("A-1", 1, 0).await;
    let received = receiver.until(1).await;
    let sent: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(sent["subject"], format!("products/{product}"));
    let test = api.post(&format!("{path}/test"), &json!({})).await.expect(202).body();
    receiver.until(2).await;
    let deliveries = format!("{path}/deliveries?count=true&limit=1");
    let listed = api.get(&deliveries).await.expect(200);
    assert_eq!(listed.header("x-total-count"), Some("2"));
    assert_eq!(listed.items()[0]["id"], test["id"]);
    let again = format!("{PATH}/deliveries/{}/redeliver", test["id"]);
    api.post(&again, &json!({})).await.expect(202);
    let received = receiver.until(3).await;
    assert_eq!(received[2].header("webhook-id"), test["event_id"].as_str().unwrap());

    let version = api.get(&path).await.header("etag").unwrap().to_owned();
    let off = json!({ "enabled": false });
    let changed = api
        .json(Method::PATCH, &path, &[("if-match", &version)], &off)
        .await
        .expect(200)
        .body();
    assert_eq!(
        (&changed["enabled"], &changed["disabled_reason"]),
        (&json!(false), &json!("asked"))
    );
    api.json(Method::PATCH, &path, &[("if-match", &version)], &off)
        .await
        .problem(412, "version_mismatch");
    api.post(&format!("{path}/test"), &json!({}))
        .await
        .problem(409, "receiver_disabled");
    api.post(&again, &json!({})).await.problem(409, "receiver_disabled");
    let enabled = api.post(&format!("{path}/enable"), &json!({})).await.expect(200).body();
    assert_eq!(enabled["enabled"], true);
    let rotated = api
        .post(&format!("{path}/rotate"), &json!({ "overlap_hours": 1 }))
        .await
        .expect(200)
        .body();
    assert_ne!(rotated["secret"].as_str().unwrap(), secret);
    api.json(Method::DELETE, &path, &[], &json!({})).await.expect(200);
    api.get(&path).await.problem(404, "not_found");
    api.get(&format!("{path}/deliveries")).await.problem(404, "not_found");
    let trail = api.get("/api/v1/audit?entity=webhooks/1&limit=100").await.expect(200);
    let actions: Vec<_> = trail
        .items()
        .iter()
        .map(|row| row["action"].as_str().unwrap().to_owned())
        .collect();
    for action in ["create", "test", "redeliver", "update", "enable", "rotate", "delete"] {
        assert!(actions.contains(&format!("webhooks_{action}")), "{action}: {actions:?}");
    }
    assert!(!String::from_utf8_lossy(&trail.bytes).contains("whsec_"));
}

#[tokio::test]
async fn what_nothing_may_be_sent_to_is_refused() {
    let api = api(&[]).await;
    for (url, code) in [
        ("https://127.0.0.1/", "not_public"),
        ("https://169.254.169.254/metadata", "not_public"),
        ("https://[::1]/", "not_public"),
        ("https://10.0.0.1/", "not_public"),
        ("http://shop.example/", "not_https"),
        ("https://user:secret@shop.example/", "credentials"),
        ("https://shop.example:25/", "port"),
        ("shop.example", "not_https"),
    ] {
        let refused = api.post(PATH, &new("Shop", url)).await.problem(422, "invalid").body();
        assert_eq!(refused["errors"][0]["code"], code, "{url}");
        assert_eq!(refused["errors"][0]["pointer"], "/url");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    let unknown = json!({ "name": "Shop", "url": "https://shop.example/", "events": ["inventory.ordr.*", "*"] });
    let refused = api.post(PATH, &unknown).await.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/events/0"]);
    let none = json!({ "name": " ", "url": "https://shop.example/", "events": [] });
    let refused = api.post(PATH, &none).await.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/name", "/events"]);
    assert_eq!(api.get(PATH).await.items().len(), 0);
}

#[tokio::test]
async fn without_a_master_key_there_are_none() {
    let api = Api::new().await;
    let body = new("Shop", "https://shop.example/");
    api.post(PATH, &body).await.problem(503, "not_configured");
}
