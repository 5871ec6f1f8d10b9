//! The main job, end to end: the built programs, driven over HTTP and AMQP.
#![allow(clippy::unwrap_used, missing_docs)]

use http::{Method, StatusCode};
use inventory_azure::OutgoingMessage;
use inventory_tests::{
    postgres::{self, Cluster, Durability},
    running::{Directory, Running},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

fn sqlite(directory: &Directory) -> String {
    format!("sqlite:{}", directory.path().join("inventory.db").display())
}

async fn product(running: &Running, sku: &str, on_hand: i64, reorder_point: i64) -> i64 {
    let new =
        json!({"sku": sku, "name": format!("Product {sku}"), "unit_price_minor": 250, "reorder_point": reorder_point});
    let (status, product) = running.post("/api/v1/products", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{product}");
    let id = product["id"].as_i64().unwrap();
    if on_hand > 0 {
        let (status, item) = running
            .post("/api/v1/inventory", &json!({"product_id": id, "quantity": on_hand}))
            .await;
        assert_eq!((status, &item["quantity"]), (StatusCode::CREATED, &json!(on_hand)));
    }
    id
}

async fn decided(running: &Running, path: &str) -> Value {
    let mut order = Value::Null;
    running
        .until("the order is decided", async || {
            order = running.get(path).await.1;
            order["status"] != "pending"
        })
        .await;
    order
}

async fn stock_item(running: &Running, sku: &str) -> Value {
    running.get(&format!("/api/v1/inventory?sku={sku}")).await.1[0].clone()
}

/// The invariants, over HTTP alone: the levels of each item are the sums of its ledger.
async fn ledger_agrees(running: &Running, sku: &str) {
    let item = stock_item(running, sku).await;
    let (mut on_hand, mut reserved, mut skip) = (0, 0, 0);
    loop {
        let path = format!("/api/v1/inventory/{}/movements?limit=1000&skip={skip}", item["id"]);
        let (status, rows) = running.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{rows}");
        let rows = rows.as_array().unwrap().clone();
        for row in &rows {
            on_hand += row["on_hand_delta"].as_i64().unwrap();
            reserved += row["reserved_delta"].as_i64().unwrap();
        }
        skip += rows.len();
        if rows.len() < 1000 {
            break;
        }
    }
    assert_eq!(
        (&item["quantity"], &item["reserved"]),
        (&json!(on_hand), &json!(reserved))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_over_http_is_decided_and_low_stock_raises_an_alert() {
    let directory = Directory::new();
    let running = Running::start(&sqlite(&directory)).await;
    let id = product(&running, "TEA-1", 100, 10).await;
    let order = json!({"customer": "C-1", "lines": [{"product_id": id, "quantity": 92}]});
    let answer = running
        .send(
            Method::POST,
            "/api/v1/orders",
            &[("content-type", "application/json")],
            order.to_string(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let order = decided(&running, &location).await;
    assert_eq!(order["status"], "confirmed", "{order}");
    let item = stock_item(&running, "TEA-1").await;
    assert_eq!(
        (&item["quantity"], &item["reserved"], &item["available"]),
        (&json!(100), &json!(92), &json!(8))
    );
    let (_, alerts) = running.get("/api/v1/alerts?status=open").await;
    assert_eq!(
        (&alerts[0]["sku"], &alerts[0]["severity"]),
        (&json!("TEA-1"), &json!("low"))
    );
    let (_, low) = running.get("/api/v1/inventory/low-stock?threshold=8").await;
    assert_eq!(low.as_array().unwrap().len(), 1);
    for path in ["/health", "/live", "/ready", "/openapi.json", "/docs", "/redoc"] {
        assert_eq!(
            running.send(Method::GET, path, &[], "").await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    for path in ["/orders_process", "/stock_sweep"] {
        let status = running.send(Method::POST, path, &[], "{}").await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path} is nobody's route");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_and_bad_messages_of_one_batch() {
    let directory = Directory::new();
    let running = Running::start(&sqlite(&directory)).await;
    product(&running, "A", 100, 0).await;
    let good = r#"{"customer":"C-1","lines":[{"sku":"A","quantity":2}]}"#;
    let messages = [
        ("good-1", good.to_owned()),
        ("not-json", "this is not JSON".to_owned()),
        (
            "oversized",
            format!(r#"{{"customer":"C-1","note":"{}","lines":[]}}"#, "x".repeat(300_000)),
        ),
        (
            "unknown",
            r#"{"customer":"C-1","lines":[{"sku":"nope","quantity":2}]}"#.to_owned(),
        ),
        ("empty", r#"{"customer":"C-1","lines":[]}"#.to_owned()),
        (
            "nul",
            r#"{"customer":"C\u0000","lines":[{"sku":"A","quantity":1}]}"#.to_owned(),
        ),
        ("good-2", good.to_owned()),
        ("good-2", good.to_owned()),
    ];
    let messages: Vec<_> = messages
        .into_iter()
        .map(|(id, body)| OutgoingMessage::json(id, body))
        .collect();
    running.enqueue("orders", &messages).await;
    running
        .until("all are decided or parked", async || {
            running.count("/api/v1/orders?count=true&status=confirmed").await == 2
                && running.count("/api/v1/parked?count=true").await == 5
        })
        .await;
    let (_, parked) = running.get("/api/v1/parked").await;
    let reasons: BTreeMap<_, _> = parked
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            (
                p["message_id"].as_str().unwrap().to_owned(),
                p["reason"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("empty", "invalid"),
        ("not-json", "not_json"),
        ("nul", "invalid"),
        ("oversized", "too_large"),
        ("unknown", "unknown_product"),
    ];
    assert_eq!(
        reasons,
        expected.map(|(id, reason)| (id.to_owned(), reason.to_owned())).into()
    );
    assert_eq!(stock_item(&running, "A").await["reserved"], 4);

    // The product comes to be, the message is sent again, and is decided.
    product(&running, "nope", 5, 0).await;
    let unknown = parked
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["message_id"] == "unknown")
        .unwrap();
    let (status, replayed) = running
        .post(&format!("/api/v1/parked/{}/replay", unknown["id"]), &json!({}))
        .await;
    assert!(status.is_success(), "{replayed}");
    running
        .until("the replayed message is decided", async || {
            running.count("/api/v1/orders?count=true&status=confirmed").await == 3
        })
        .await;
    assert_eq!(stock_item(&running, "nope").await["reserved"], 2);
}

/// One product, half as many units as orders; HTTP and queue mixed; every tenth message twice, under another message id.
async fn hot_product(runnings: Vec<Running>, orders: usize) {
    const SENDERS: usize = 64;
    let units = orders / 2;
    let runnings = Arc::new(runnings);
    let first = &runnings[0];
    let id = product(first, "HOT", 0, 0).await;
    for _ in 0..units.div_ceil(10_000) {
        let quantity = units.min(10_000);
        first
            .post("/api/v1/inventory", &json!({"product_id": id, "quantity": quantity}))
            .await;
    }
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let runnings = runnings.clone();
        senders.push(tokio::spawn(async move {
            let running = &runnings[sender % runnings.len()];
            let mut messages = Vec::new();
            for n in (sender..orders).step_by(SENDERS) {
                let lines = json!([{"product_id": id, "quantity": 1}]);
                if n % 2 == 0 {
                    let (status, body) = running
                        .post("/api/v1/orders", &json!({"customer": "C-1", "lines": lines}))
                        .await;
                    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
                    continue;
                }
                let order_id = uuid::Uuid::from_u128(n as u128);
                let body = json!({"order_id": order_id, "customer": "C-1", "lines": lines}).to_string();
                messages.push(OutgoingMessage::json(format!("m-{n}"), body.clone()));
                if n % 10 == 1 {
                    messages.push(OutgoingMessage::json(format!("m-{n}-again"), body));
                }
            }
            running.enqueue("orders", &messages).await;
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    first
        .until("all orders are decided", async || {
            let decided = first.count("/api/v1/orders?count=true&status=confirmed").await
                + first.count("/api/v1/orders?count=true&status=rejected").await;
            decided == orders as u64
        })
        .await;
    assert_eq!(
        first.count("/api/v1/orders?count=true&status=confirmed").await,
        units as u64
    );
    assert_eq!(first.count("/api/v1/orders?count=true").await, orders as u64);
    let item = stock_item(first, "HOT").await;
    assert_eq!((&item["quantity"], &item["reserved"]), (&json!(units), &json!(units)));
    assert_eq!(first.count("/api/v1/parked?count=true").await, 0);
    ledger_agrees(first, "HOT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_product_is_never_oversold_on_sqlite() {
    let directory = Directory::new();
    hot_product(vec![Running::start(&sqlite(&directory)).await], 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_product_is_never_oversold_by_two_instances_on_postgres() {
    let database = postgres::database();
    let instances = vec![Running::start(&database.url).await, Running::start(&database.url).await];
    hot_product(instances, 10_000).await;
}

/// Orders of the shape of a real shop, decided as a plain replay in their order decides them.
async fn replay(running: &Running) {
    let products: Vec<(String, i64)> = (0..77).map(|n| (format!("NW-{n:03}"), (n * 37) % 120)).collect();
    let mut stock: BTreeMap<String, i64> = BTreeMap::new();
    for (sku, on_hand) in &products {
        product(running, sku, *on_hand, 10).await;
        stock.insert(sku.clone(), *on_hand);
    }
    let mut messages = Vec::new();
    let mut expected = BTreeMap::new();
    for n in 0..416_i64 {
        let lines: Vec<(String, i64)> = (0..=n % 4)
            .map(|k| (format!("NW-{:03}", (n * 13 + k * 29) % 77), 1 + (n * 7 + k * 5) % 12))
            .collect();
        let enough = lines.iter().all(|(sku, quantity)| stock[sku] >= *quantity);
        if enough {
            for (sku, quantity) in &lines {
                *stock.get_mut(sku).unwrap() -= quantity;
            }
        }
        expected.insert(format!("C-{n}"), if enough { "confirmed" } else { "rejected" });
        let lines: Vec<Value> = lines
            .iter()
            .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity}))
            .collect();
        let body = json!({"customer": format!("C-{n}"), "lines": lines}).to_string();
        messages.push(OutgoingMessage::json(format!("nw-{}", 10_248 + n), body));
    }
    // Sent twice: the second time changes nothing.
    running.enqueue("orders", &messages).await;
    running.enqueue("orders", &messages).await;
    running
        .until("all are decided", async || {
            running.count("/api/v1/orders?count=true").await == 416
        })
        .await;
    let (_, orders) = running.get("/api/v1/orders?limit=1000").await;
    let actual: BTreeMap<_, _> = orders
        .as_array()
        .unwrap()
        .iter()
        .map(|order| {
            (
                order["customer"].as_str().unwrap().to_owned(),
                order["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(actual, expected);
    let (_, items) = running.get("/api/v1/inventory?limit=1000").await;
    for item in items.as_array().unwrap() {
        assert_eq!(item["available"], stock[item["sku"].as_str().unwrap()], "{item}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shops_orders_are_decided_as_a_replay_decides_them_on_sqlite() {
    let directory = Directory::new();
    replay(&Running::start(&sqlite(&directory)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shops_orders_are_decided_as_a_replay_decides_them_on_postgres() {
    let database = postgres::database();
    replay(&Running::start(&database.url).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_handlers_lose_nothing() {
    const ORDERS: usize = 2_000;
    let directory = Directory::new();
    let running = Running::start(&sqlite(&directory)).await;
    let id = product(&running, "K", 3_000, 0).await;
    let messages: Vec<_> = (0..ORDERS)
        .map(|n| {
            let body = json!({"customer": "C-1", "lines": [{"product_id": id, "quantity": 1}]}).to_string();
            OutgoingMessage::json(format!("k-{n}"), body)
        })
        .collect();
    let mut sent = 0;
    for part in messages.chunks(ORDERS / 10) {
        running.enqueue("orders", part).await;
        // The batch is on its way to the handler, in it, or on its way back.
        running
            .until("a handler was there to be killed", async || running.kill_handler())
            .await;
        sent += part.len();
        running
            .until("all so far are decided", async || {
                let path = "/api/v1/orders?count=true&limit=1&status=confirmed";
                let answer = running.send(Method::GET, path, &[], "").await;
                answer
                    .headers
                    .get("x-total-count")
                    .is_some_and(|count| *count == sent.to_string())
            })
            .await;
    }
    assert_eq!(stock_item(&running, "K").await["reserved"], ORDERS);
    assert_eq!(running.count("/api/v1/orders?count=true").await, ORDERS as u64);
    assert_eq!(
        running.count("/api/v1/parked?count=true").await,
        0,
        "nothing dead-lettered"
    );
    ledger_agrees(&running, "K").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back() {
    // Durable: what was committed must be there after the crash.
    let mut cluster = Cluster::start_with(Durability::Full).unwrap();
    let running = Running::start(&cluster.url("postgres")).await;
    let id = product(&running, "D", 1_000, 0).await;
    let order = json!({"customer": "C-1", "lines": [{"product_id": id, "quantity": 1}]});
    let message = |n: usize| OutgoingMessage::json(format!("d-{n}"), order.to_string());
    running
        .enqueue("orders", &(0..100).map(message).collect::<Vec<_>>())
        .await;
    cluster.kill().unwrap();
    running
        .enqueue("orders", &(100..200).map(message).collect::<Vec<_>>())
        .await;
    let answer = running.send(Method::GET, "/api/v1/products", &[], "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let (status, ready) = running.get("/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{ready}");
    assert_eq!(
        running.get("/live").await.0,
        StatusCode::OK,
        "it lives: restarting it would not help"
    );
    cluster.start_again().unwrap();
    running
        .until("all are decided", async || {
            let answer = running
                .send(
                    Method::GET,
                    "/api/v1/orders?count=true&limit=1&status=confirmed",
                    &[],
                    "",
                )
                .await;
            answer.headers.get("x-total-count").is_some_and(|count| count == "200")
        })
        .await;
    assert_eq!(
        running.count("/api/v1/parked?count=true").await,
        0,
        "nothing dead-lettered"
    );
    ledger_agrees(&running, "D").await;
}
