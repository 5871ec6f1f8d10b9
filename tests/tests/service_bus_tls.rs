//! The main job with a Service Bus as in Azure: TLS, and a token of a shared access key put before the first message.
#![allow(clippy::unwrap_used, missing_docs)]

use http::StatusCode;
use inventory_tests::{
    running::{Directory, Running},
    tls::{Authority, Terminator},
};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_travels_over_tls_and_ready_says_when_it_cannot() {
    let directory = Directory::new();
    let database = format!("sqlite:{}", directory.path().join("inventory.db").display());
    let authority = Authority::new();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, authority.certificate()).unwrap();
    let terminator = Terminator::start(&authority.issue("localhost")).await;
    let connection = format!(
        "Endpoint=sb://localhost:{}/;SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0",
        terminator.port
    );
    let settings = [
        ("ServiceBusConnection", connection.as_str()),
        ("SSL_CERT_FILE", roots.to_str().unwrap()),
    ];
    let running = Running::start_with(&database, &settings).await;
    let new = json!({"sku": "TEA-1", "name": "Tea", "unit_price_minor": 250});
    let (status, product) = running.post("/api/v1/products", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{product}");
    let stock = json!({"product_id": product["id"], "quantity": 5});
    assert_eq!(running.post("/api/v1/inventory", &stock).await.0, StatusCode::CREATED);
    let order = json!({"customer": "C-1", "lines": [{"sku": "TEA-1", "quantity": 2}]});
    let (status, order) = running.post("/api/v1/orders", &order).await;
    assert_eq!(
        (status, &order["status"]),
        (StatusCode::ACCEPTED, &json!("pending")),
        "{order}"
    );

    // TLS is there, and nobody behind it: the work goes on without.
    let ready = running.get("/ready").await.1;
    assert_eq!(ready["status"], "degraded", "{ready}");
    assert_eq!(ready["checks"]["service_bus"]["ok"], false, "{ready}");

    terminator.serve((Ipv4Addr::LOCALHOST, running.amqp_port).into());
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    let mut order = Value::Null;
    running
        .until("the order is decided", async || {
            order = running.get(&path).await.1;
            order["status"] != "pending"
        })
        .await;
    assert_eq!(order["status"], "confirmed", "{order}");
    running
        .until("all is well", async || {
            running.get("/ready").await.1["status"] == "ready"
        })
        .await;
}
