//! `/metrics`, read by Prometheus' own parser.
// Every number is a double there; counts are whole.
#![allow(clippy::float_cmp)]

use crate::{accounts::SHARED_KEY, client::Api};
use http::Method;
use inventory_domain::Role;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What is promised: each metric with its type and labels.
const PROMISED: &[(&str, &str, &[&str])] = &[
    ("inventory_alerts_open", "gauge", &["severity"]),
    ("inventory_build_info", "gauge", &["engine", "version"]),
    ("inventory_cache_requests_total", "counter", &["cache", "result"]),
    ("inventory_counted_lines", "gauge", &["result"]),
    ("inventory_counted_value_minor_units", "gauge", &["currency", "what"]),
    ("inventory_database_acquire_seconds", "histogram", &[]),
    ("inventory_database_connections", "gauge", &["state"]),
    ("inventory_database_slow_statements_total", "counter", &[]),
    ("inventory_database_statements_total", "counter", &[]),
    ("inventory_deliveries_oldest_age_seconds", "gauge", &["resource"]),
    ("inventory_deliveries_pending", "gauge", &["resource"]),
    ("inventory_delivery_attempts_total", "counter", &["outcome", "resource"]),
    ("inventory_levels_read_failures_total", "counter", &["reading"]),
    ("inventory_levels_read_timestamp_seconds", "gauge", &["reading"]),
    ("inventory_order_lines_waiting", "gauge", &[]),
    ("inventory_order_processing_seconds", "histogram", &[]),
    ("inventory_orders_total", "counter", &["outcome"]),
    ("inventory_outbox_oldest_age_seconds", "gauge", &["destination"]),
    ("inventory_outbox_pending", "gauge", &["destination"]),
    ("inventory_parked_messages", "gauge", &[]),
    ("inventory_rate_limit_fallbacks_total", "counter", &[]),
    ("inventory_rate_limit_shared", "gauge", &[]),
    ("inventory_rate_limited_total", "counter", &[]),
    ("inventory_relay_events_total", "counter", &["destination", "outcome"]),
    ("inventory_request_duration_seconds", "histogram", &["function"]),
    ("inventory_requests_in_flight", "gauge", &[]),
    ("inventory_requests_total", "counter", &["function", "status"]),
    ("inventory_reservations_active", "gauge", &[]),
    ("inventory_stock_value_minor_units", "gauge", &["currency"]),
    ("inventory_transfers_in_transit", "gauge", &[]),
    ("inventory_uptime_seconds", "gauge", &[]),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
];

const TOKEN: &str = "what-a-scraper-shows-and-nobody-else";

#[test]
fn the_documentation_is_what_the_metrics_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/telemetry.md");
    let table = inventory_app::metrics::document();
    assert!(
        std::fs::read_to_string(path).unwrap().contains(&table),
        "docs/telemetry.md is old; its table is\n{table}"
    );
}

/// A tool that `cargo xtask test` installs. Skipping the test without it would hide that nothing was tested.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let python = target.join("tools/prometheus/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run cargo xtask test, which installs it",
        python.display()
    );
    python
}

/// What a scrape says.
struct Scrape(Vec<Value>);

impl Scrape {
    fn parse(text: &[u8]) -> Self {
        let mut parser = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prometheus/parse.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        parser.stdin.take().unwrap().write_all(text).unwrap();
        let output = parser.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(text));
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    async fn of(api: &Api, headers: &[(&str, &str)]) -> Self {
        let answer = api.send(Method::GET, "/metrics", headers, "").await.expect(200);
        assert_eq!(answer.header("content-type").unwrap(), "text/plain; version=0.0.4");
        Self::parse(&answer.bytes)
    }

    /// The value of one sample.
    #[track_caller]
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let found: Vec<f64> = self
            .0
            .iter()
            .flat_map(|family| family["samples"].as_array().unwrap())
            .filter(|sample| sample["name"] == name && sample["labels"] == json!(labels))
            .map(|sample| sample["value"].as_f64().unwrap())
            .collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
        found[0]
    }
}

#[tokio::test]
async fn every_metric_that_is_promised_is_there() {
    let api = Api::unstarted(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REQUESTS", "8"),
        // Nobody listens there.
        ("REDIS_URL", "redis://127.0.0.1:9"),
    ]);
    api.app.start().await;
    let (product, item) = api.product("A-1", 10, 5).await;
    api.post("/api/v1/counts", &json!({ "name": "All" })).await.expect(201);
    let counted = json!({ "lines": [{ "stock_item_id": item, "counted": 12 }] });
    api.post("/api/v1/counts/1/record", &counted).await.expect(200);
    api.post("/api/v1/counts/1/post", &json!({})).await.expect(200);
    let order = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 7 }] });
    let placed = api.post("/api/v1/orders", &order).await.expect(202).body();
    api.get("/api/v1/products/4711").await.problem(404, "not_found");
    api.get("/api/v1/products").await.expect(200);
    api.get("/api/v1/products").await.problem(429, "rate_limited");
    let message = json!({ "order_id": placed["id"], "customer": "C-1", "lines": order["lines"] }).to_string();
    for _ in 0..2 {
        api.deliver("orders_process", &[("1", &message)]).await.expect(200);
    }
    api.deliver("orders_process", &[("2", "no order"), ("3", "no order either")])
        .await
        .expect(200);
    let before = inventory_app::clock().micros() / 1_000_000;
    let scrape = Scrape::of(&api, &[]).await;

    // All that is promised and nothing else.
    let found: BTreeMap<String, &Value> = scrape
        .0
        .iter()
        .map(|family| {
            // The parser takes the end off a counter's name, as OpenMetrics has it.
            let end = if family["type"] == "counter" { "_total" } else { "" };
            (format!("{}{end}", family["name"].as_str().unwrap()), family)
        })
        .collect();
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        PROMISED.iter().map(|(name, ..)| *name).collect::<Vec<_>>()
    );
    for (name, kind, labels) in PROMISED {
        let family = found[*name];
        assert_eq!(family["type"], *kind, "{name}");
        assert!(family["help"].as_str().unwrap().ends_with('.'), "{name}");
        for sample in family["samples"].as_array().unwrap() {
            let names = sample["labels"]
                .as_object()
                .unwrap()
                .keys()
                .filter(|label| *label != "le");
            assert_eq!(names.collect::<Vec<_>>(), *labels, "{name}");
        }
    }

    let requests = |function, status| {
        let labels = [("function", function), ("status", status)];
        scrape.value("inventory_requests_total", &labels)
    };
    assert_eq!(requests("products_create", "2xx"), 1.0);
    assert_eq!(requests("products_get", "4xx"), 1.0);
    assert_eq!(
        (requests("products_list", "2xx"), requests("products_list", "4xx")),
        (1.0, 1.0)
    );
    assert_eq!(requests("orders_process", "2xx"), 3.0);
    assert_eq!(requests("orders_process", "5xx"), 0.0);
    let durations = [("function", "products_list")];
    assert_eq!(
        scrape.value("inventory_request_duration_seconds_count", &durations),
        2.0
    );
    let all = [("function", "products_list"), ("le", "+Inf")];
    assert_eq!(scrape.value("inventory_request_duration_seconds_bucket", &all), 2.0);
    assert!(scrape.value("inventory_request_duration_seconds_sum", &durations) > 0.0);
    assert_eq!(scrape.value("inventory_requests_in_flight", &[]), 1.0, "the scrape");

    assert_eq!(scrape.value("inventory_rate_limited_total", &[]), 1.0);
    assert_eq!(scrape.value("inventory_rate_limit_fallbacks_total", &[]), 9.0);
    assert_eq!(scrape.value("inventory_rate_limit_shared", &[]), 0.0);

    for (outcome, count) in [
        ("confirmed", 1.0),
        ("repeated", 1.0),
        ("parked", 2.0),
        ("rejected", 0.0),
        ("backordered", 0.0),
    ] {
        assert_eq!(
            scrape.value("inventory_orders_total", &[("outcome", outcome)]),
            count,
            "{outcome}"
        );
    }
    assert_eq!(scrape.value("inventory_order_processing_seconds_count", &[]), 1.0);
    let in_time = scrape.value("inventory_order_processing_seconds_bucket", &[("le", "60")]);
    assert_eq!(in_time, 1.0);

    for destination in ["queue:orders", "topic:inventory-events"] {
        let labels = [("destination", destination)];
        assert!(
            scrape.value("inventory_outbox_pending", &labels) >= 1.0,
            "{destination}"
        );
        assert!(scrape.value("inventory_outbox_oldest_age_seconds", &labels) < 60.0);
    }
    assert_eq!(scrape.value("inventory_parked_messages", &[]), 2.0);
    assert_eq!(scrape.value("inventory_alerts_open", &[("severity", "low")]), 1.0);
    assert_eq!(scrape.value("inventory_alerts_open", &[("severity", "out")]), 0.0);
    assert_eq!(
        scrape.value("inventory_stock_value_minor_units", &[("currency", "USD")]),
        1_200.0
    );
    for (result, lines) in [("agreeing", 0.0), ("differing", 1.0)] {
        assert_eq!(scrape.value("inventory_counted_lines", &[("result", result)]), lines);
    }
    let counted = |what| {
        scrape.value(
            "inventory_counted_value_minor_units",
            &[("currency", "USD"), ("what", what)],
        )
    };
    assert_eq!((counted("on_hand"), counted("difference")), (1_000.0, 200.0));
    for reading in ["waiting", "stock_value", "counts"] {
        let read = scrape.value("inventory_levels_read_timestamp_seconds", &[("reading", reading)]);
        assert!(read >= before as f64, "{reading}");
    }

    assert!(scrape.value("inventory_database_statements_total", &[]) >= 20.0);
    assert_eq!(scrape.value("inventory_database_slow_statements_total", &[]), 0.0);
    assert!(scrape.value("inventory_database_acquire_seconds_count", &[]) >= 10.0);
    let connections = |state| scrape.value("inventory_database_connections", &[("state", state)]);
    // One that was used a moment ago may not be back yet.
    let open = connections("used") + connections("idle");
    assert!((1.0..=connections("max")).contains(&open), "{open}");
    assert!(scrape.value("process_resident_memory_bytes", &[]) > 1e6);
}

#[tokio::test]
async fn a_scrape_works_while_the_database_is_away() {
    let api = Api::unstarted(&[("JWT_KEYS", SHARED_KEY), ("METRICS_TOKEN", TOKEN)]);
    let scraper = [("authorization", &*format!("Bearer {TOKEN}"))];
    let scrape = Scrape::of(&api, &scraper).await;
    assert_eq!(
        scrape.value("inventory_levels_read_failures_total", &[("reading", "waiting")]),
        0.0
    );

    api.app.start().await;
    let viewer = api.token_of(Role::Viewer).await;
    let viewer = [("authorization", &*format!("Bearer {viewer}"))];
    api.app.store().close().await;
    let scrape = Scrape::of(&api, &scraper).await;
    for reading in ["waiting", "stock_value"] {
        let labels = [("reading", reading)];
        assert_eq!(scrape.value("inventory_levels_read_failures_total", &labels), 1.0);
        assert_eq!(scrape.value("inventory_levels_read_timestamp_seconds", &labels), 0.0);
    }
    // The next one does not ask again at once.
    let scrape = Scrape::of(&api, &scraper).await;
    assert_eq!(
        scrape.value("inventory_levels_read_failures_total", &[("reading", "waiting")]),
        1.0
    );
    api.send(Method::GET, "/metrics", &viewer, "")
        .await
        .problem(503, "unavailable");
    let scrape = Scrape::of(&api, &scraper).await;
    let refused = [("function", "system_metrics"), ("status", "5xx")];
    assert_eq!(scrape.value("inventory_requests_total", &refused), 1.0);
}

#[tokio::test]
async fn metrics_are_for_viewers_and_for_the_scraper() {
    let api = Api::with_accounts(&[("METRICS_TOKEN", TOKEN), ("ACCOUNT_CACHE_SECONDS", "60")]).await;
    api.get("/metrics").await.problem(401, "unauthenticated");
    for wrong in ["", "x", &TOKEN[1..], &format!("{TOKEN}x")] {
        let headers = [("authorization", &*format!("Bearer {wrong}"))];
        api.send(Method::GET, "/metrics", &headers, "")
            .await
            .problem(401, "unauthenticated");
    }
    let scraper = [("authorization", &*format!("Bearer {TOKEN}"))];
    api.send(Method::GET, "/api/v1/products", &scraper, "")
        .await
        .problem(401, "unauthenticated");
    let viewer = api.token_of(Role::Viewer).await;
    let viewer = [("authorization", &*format!("Bearer {viewer}"))];
    Scrape::of(&api, &viewer).await;
    let head = api.send(Method::HEAD, "/metrics", &viewer, "").await.expect(200);
    assert!(head.bytes.is_empty());
    let scrape = Scrape::of(&api, &scraper).await;
    let accounts = |result| {
        let labels = [("cache", "accounts"), ("result", result)];
        scrape.value("inventory_cache_requests_total", &labels)
    };
    assert_eq!((accounts("miss"), accounts("hit")), (1.0, 1.0));
}
