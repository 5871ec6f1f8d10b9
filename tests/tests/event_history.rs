//! The event history, end to end: what happens to orders and products reaches Cosmos DB, and its outage stops nothing else.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../../azure/tests/support/cosmos.rs"]
#[allow(dead_code, reason = "the tests of the client use the rest")]
mod cosmos;

use cosmos::{CONTAINER, Cosmos, DATABASE, KEY};
use http::StatusCode;
use inventory_tests::running::{Directory, Running};
use serde_json::{Value, json};

/// Types of a subject's events.
async fn types(running: &Running, subject: &str) -> (StatusCode, Vec<String>) {
    let (status, events) = running.get(&format!("/api/v1/events?subject={subject}")).await;
    let events = events.as_array().cloned().unwrap_or_default();
    let event_type = |event: &Value| {
        event["type"]
            .as_str()
            .unwrap()
            .trim_start_matches("inventory.")
            .to_owned()
    };
    (status, events.iter().map(event_type).collect())
}

async fn order(running: &Running, product: i64) -> String {
    let new = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 1 }] });
    let (status, order) = running.post("/api/v1/orders", &new).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{order}");
    let id = order["id"].as_str().unwrap().to_owned();
    running
        .until("the order is decided", async || {
            running.get(&format!("/api/v1/orders/{id}")).await.1["status"] == "confirmed"
        })
        .await;
    id
}

#[tokio::test]
async fn events_reach_the_history_and_its_outage_stops_nothing_else() {
    let directory = Directory::new();
    let url = format!("sqlite:{}", directory.path().join("inventory.db").display());
    let mut cosmos = Cosmos::start(None).await;
    let endpoint = cosmos.endpoint();
    let settings = [
        ("COSMOS_ENDPOINT", endpoint.as_str()),
        ("COSMOS_KEY", KEY),
        ("COSMOS_DATABASE", DATABASE),
        ("COSMOS_CONTAINER", CONTAINER),
        // The SDK's: what is written can be read by the test.
        ("AZURE_COSMOS_BINARY_ENCODING_ENABLED", "false"),
        ("EVENT_HISTORY_TTL_DAYS", "10"),
        ("EVENT_HISTORY_TTL_DAYS_BY_TYPE", "inventory.order.confirmed=0"),
    ];

    // From before it was switched on.
    let running = Running::start(&url).await;
    let new = json!({ "sku": "TEA", "name": "Tea", "unit_price_minor": 250 });
    let product = running.post("/api/v1/products", &new).await.1["id"].as_i64().unwrap();
    let stock = json!({ "product_id": product, "quantity": 10 });
    assert_eq!(running.post("/api/v1/inventory", &stock).await.0, StatusCode::CREATED);
    drop(running);
    let running = Running::start_with(&url, &settings).await;
    let created = (StatusCode::OK, vec!["product.created".to_owned()]);
    running
        .until("the old events are adopted", async || {
            types(&running, &format!("products/{product}")).await == created
        })
        .await;

    let first = order(&running, product).await;
    let told = (
        StatusCode::OK,
        vec!["order.placed".to_owned(), "order.confirmed".to_owned()],
    );
    running
        .until("the history has the order's events", async || {
            types(&running, &format!("orders/{first}")).await == told
        })
        .await;
    let of_first = |document: &Value| document["subject"] == format!("orders/{first}");
    let ends: Vec<_> = cosmos
        .written()
        .iter()
        .filter(|document| of_first(document))
        .map(|document| document["ttl"].clone())
        .collect();
    assert_eq!(ends, [json!(10 * 86_400), json!(-1)], "by type");

    cosmos.stop().await;
    let second = order(&running, product).await;
    let away = types(&running, &format!("orders/{second}")).await;
    assert_eq!(away, (StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
    let (status, ready) = running.get("/ready").await;
    assert_eq!(
        (status, &ready["status"]),
        (StatusCode::OK, &json!("degraded")),
        "{ready}"
    );

    cosmos.restart().await;
    running
        .until("what waited arrives", async || {
            types(&running, &format!("orders/{second}")).await == told
        })
        .await;
    running
        .until("all is well again", async || {
            running.get("/ready").await.1["status"] == "ready"
        })
        .await;
}
