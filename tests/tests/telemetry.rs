//! Traces, end to end: an order is one tree, from the request to the event on the topic, as a collector sees it.
#![allow(clippy::unwrap_used, missing_docs)]

use http::{Method, StatusCode};
use inventory_tests::{
    collector::{Collector, Span},
    running::{Directory, Running},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn sqlite(directory: &Directory) -> String {
    format!("sqlite:{}", directory.path().join("inventory.db").display())
}

/// Places an order as the part `CALLER` of `TRACE`, and waits for its decision.
async fn order(running: &Running, flags: &str) -> String {
    let order = json!({"customer": "C-1", "lines": [{"sku": "TEA-1", "quantity": 2}]});
    let traceparent = format!("00-{TRACE}-{CALLER}-{flags}");
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", traceparent.as_str()),
    ];
    let answer = running
        .send(Method::POST, "/api/v1/orders", &headers, order.to_string())
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id = answer.json().1["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/orders/{id}");
    let mut order = Value::Null;
    running
        .until("the order is decided", async || {
            order = running.get(&path).await.1;
            order["status"] != "pending"
        })
        .await;
    assert_eq!(order["status"], "confirmed", "{order}");
    id
}

async fn stocked(running: &Running) {
    let product = json!({"sku": "TEA-1", "name": "Tea", "unit_price_minor": 250});
    let (status, product) = running.post("/api/v1/products", &product).await;
    assert_eq!(status, StatusCode::CREATED, "{product}");
    let stock = json!({"product_id": product["id"], "quantity": 50});
    assert_eq!(running.post("/api/v1/inventory", &stock).await.0, StatusCode::CREATED);
}

/// The application properties with which the event that the order was confirmed has come to the topic.
async fn event_on_the_topic(running: Running, directory: &Directory, order_id: &str) -> Value {
    let database = directory.path().join("inventory.db");
    running
        .until("everything is sent", async || {
            let database = rusqlite::Connection::open(&database).unwrap();
            let pending = "SELECT COUNT(*) FROM deliveries WHERE state = 'pending'";
            database.query_row(pending, [], |row| row.get::<_, i64>(0)).unwrap() == 0
        })
        .await;
    let subject = format!("orders/{order_id}");
    let mut messages = running.stop_for_messages("inventory-events/Subscriptions/all");
    messages.retain(|message| message["subject"] == "inventory.order.confirmed" && message["session_id"] == *subject);
    assert_eq!(messages.len(), 1, "{messages:#?}");
    messages.remove(0)["application_properties"].take()
}

/// The one span of this trace with this name and parent.
fn child<'s>(spans: &'s [Span], parent_id: &str, name: &str) -> &'s Span {
    let found: Vec<_> = spans
        .iter()
        .filter(|span| span.trace_id == TRACE && span.parent_id == parent_id && span.name == name)
        .collect();
    let [span] = found[..] else {
        panic!("{} spans {name:?} under {parent_id}: {spans:#?}", found.len())
    };
    assert!(!span.failed, "{span:?}");
    span
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_one_tree_from_the_request_to_the_event_on_the_topic() {
    let directory = Directory::new();
    let collector = Collector::start().await;
    let url = collector.url();
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_SERVICE_NAME", "inventory-e2e"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=tea"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        // New traces are none of this test's; the caller's are recorded because the caller says so.
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    let running = Running::start_with(&sqlite(&directory), &settings).await;
    stocked(&running).await;
    let id = order(&running, "01").await;
    let subject = format!("orders/{id}");
    let is_sent = |spans: &[Span]| {
        let sent = |span: &&Span| span.name == "send inventory-events" && span.trace_id == TRACE;
        spans.iter().filter(sent).count() == 2
    };
    let spans = collector.until("both events of the order are sent", is_sent).await;
    let spans: Vec<_> = spans.into_iter().filter(|span| span.trace_id == TRACE).collect();

    // HTTP request
    let request = child(&spans, CALLER, "POST /api/v1/orders");
    assert_eq!(request.attributes["http.response.status_code"], "202");
    assert_eq!(request.attributes["faas.name"], "orders_create");
    assert!(!request.attributes["faas.invocation_id"].is_empty());
    assert_eq!(
        (&*request.resource["service.name"], &*request.resource["team"]),
        ("inventory-e2e", "tea")
    );
    // -> outbox -> message
    let queue_send = spans.iter().find(|span| span.name == "send orders").unwrap();
    let waited = spans.iter().find(|span| span.id == queue_send.parent_id).unwrap();
    assert_eq!((waited.name.as_str(), &waited.parent_id), ("outbox", &request.id));
    assert_eq!(waited.attributes["inventory.event.subject"], subject);
    assert!(waited.time.0 <= queue_send.time.0 && waited.time.1 >= queue_send.time.1);
    // -> decision
    let decision = child(&spans, &queue_send.id, "decide order");
    assert_eq!(decision.attributes["inventory.order.id"], id);
    assert_eq!(decision.attributes["inventory.order.status"], "confirmed");
    assert_eq!(
        decision.attributes["messaging.message.id"],
        queue_send.attributes["messaging.message.id"]
    );
    assert_eq!(decision.links.len(), 1, "to its batch: {decision:?}");
    // -> event on the topic
    let decided = child(&spans, &decision.id, "outbox");
    assert_eq!(decided.attributes["inventory.event.type"], "inventory.order.confirmed");
    let topic_send = child(&spans, &decided.id, "send inventory-events");
    let on_topic = event_on_the_topic(running, &directory, &id).await;
    let traceparent = format!("00-{TRACE}-{}-01", topic_send.id);
    assert_eq!(on_topic["traceparent"], traceparent);
    assert_eq!(on_topic["Diagnostic-Id"], traceparent);
    // That the order was placed is an event too; and that is all there is: one tree, nothing twice, nothing loose.
    let names: BTreeMap<&str, usize> = spans.iter().fold(BTreeMap::new(), |mut names, span| {
        *names.entry(span.name.as_str()).or_default() += 1;
        names
    });
    let expected = [
        ("POST /api/v1/orders", 1),
        ("decide order", 1),
        ("outbox", 3),
        ("send inventory-events", 2),
        ("send orders", 1),
    ];
    assert_eq!(names, expected.into(), "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_others_record_is_handed_on_without_a_collector() {
    let directory = Directory::new();
    let running = Running::start(&sqlite(&directory)).await;
    stocked(&running).await;
    let id = order(&running, "01").await;
    let on_topic = event_on_the_topic(running, &directory, &id).await;
    assert_eq!(on_topic["traceparent"], format!("00-{TRACE}-{CALLER}-01"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_caller_does_not_record_is_not_recorded() {
    let directory = Directory::new();
    let collector = Collector::start().await;
    let url = collector.url();
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let running = Running::start_with(&sqlite(&directory), &settings).await;
    stocked(&running).await;
    let id = order(&running, "00").await;
    // A new trace is recorded; when it has arrived, the other would have, which began before it.
    assert_eq!(running.get("/api/v1/products").await.0, StatusCode::OK);
    let spans = collector
        .until("the list of products", |spans| {
            spans.iter().any(|span| span.name == "GET /api/v1/products")
        })
        .await;
    assert!(spans.iter().all(|span| span.trace_id != TRACE), "{spans:#?}");
    let on_topic = event_on_the_topic(running, &directory, &id).await;
    let traceparent = on_topic["traceparent"].as_str().unwrap();
    assert!(
        traceparent.starts_with(&format!("00-{TRACE}-")) && traceparent.ends_with("-00"),
        "{traceparent}"
    );
}
