//! `logs`, `kpis` and `dora`.

use crate::support::{inventory, inventory_with};
use inventory_tests::{
    postgres,
    running::{self, Directory, Running},
};
use serde_json::json;
use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
    time::Instant,
};

/// The lines that the handler really writes.
#[test]
fn logs_of_the_handler_are_read() {
    let directory = Directory::new();
    let log = directory.path().join("handler.log");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut handler = Command::new(running::program("inventory-handler"))
        .env_clear()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .env("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
        .env(
            "DATABASE_URL",
            format!("sqlite:{}", directory.path().join("inventory.db").display()),
        )
        .env("MIGRATE_ON_START", "true")
        .env("LOG_LEVEL", "debug")
        .env(
            "ServiceBusConnection",
            "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=name;SharedAccessKey=key;UseDevelopmentEmulator=true",
        )
        .stdout(fs::File::create(&log).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let deadline = Instant::now() + running::PATIENCE;
    let is_healthy = || {
        let report = inventory_with(&[], &["--json", "health", &url]).json();
        report["checks"][1]["ok"] == true
    };
    while !is_healthy() {
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(&log).unwrap());
    }
    Command::new("kill").arg(handler.id().to_string()).status().unwrap();
    handler.wait().unwrap();
    let report = inventory_with(&[], &["--json", "logs", "analyze", log.to_str().unwrap()]).json();
    assert_eq!(report["bad_lines"], 0, "{report}");
    let operations = report["operations"].as_array().unwrap();
    for function in ["system_health", "system_ready"] {
        assert!(
            operations.iter().any(|operation| operation["function"] == function),
            "{report}"
        );
    }
    // Service Bus is away, which is a warning.
    let groups = report["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["level"] == "WARN"), "{report}");
}

#[test]
fn logs_are_grouped_and_counted() {
    let directory = Directory::new();
    let file = directory.path().join("app.log");
    let path = file.to_str().unwrap();
    let lines: Vec<String> = (0..200)
        .map(|number| {
            let (level, message, more) = match number % 4 {
                0 => (
                    "ERROR",
                    format!("order {number} is lost"),
                    json!({ "request_id": format!("r-{number}") }),
                ),
                1 => (
                    "WARN",
                    "the database is not available".to_owned(),
                    json!({ "error": "timed out" }),
                ),
                _ => (
                    "DEBUG",
                    "answered".to_owned(),
                    json!({ "function": "orders_get", "status": 200, "micros": number }),
                ),
            };
            let mut line = json!({
                "timestamp": format!("2026-01-05T09:{:02}:00.000000Z", number % 60),
                "level": level, "target": "inventory", "message": message,
            });
            let more = more.as_object().unwrap().clone();
            line.as_object_mut().unwrap().extend(more);
            format!("{line}\n")
        })
        .collect();
    fs::write(&file, lines.concat() + "half a line {\"timestamp\"").unwrap();
    let report = inventory_with(&[], &["--json", "logs", "analyze", path, path])
        .expect(1)
        .json();
    assert_eq!((&report["lines"], &report["bad_lines"]), (&400.into(), &2.into()));
    assert_eq!((&report["errors"], &report["warnings"]), (&100.into(), &100.into()));
    assert_eq!(report["groups"][0]["message"], "order # is lost");
    assert_eq!(report["groups"][0]["count"], 100);
    assert_eq!(report["operations"][0]["function"], "orders_get");
    assert_eq!(report["operations"][0]["requests"], 200);
    let counted: u64 = report["trend"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["errors"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 100);
    inventory_with(&[], &["logs", "analyze", "no/such/file"]).expect(2);
}

async fn kpis_of(url: &str) {
    let running = Running::start(url).await;
    let product = json!({ "sku": "TEA", "name": "Tea", "unit_price_minor": 250, "reorder_point": 5 });
    let id = running.post("/api/v1/products", &product).await.1["id"].clone();
    running
        .post("/api/v1/inventory", &json!({ "product_id": id, "quantity": 10 }))
        .await;
    // One more is found than the ledger has.
    let item = running.get("/api/v1/inventory").await.1[0]["id"].clone();
    running.post("/api/v1/counts", &json!({ "name": "All" })).await;
    let counted = json!({ "lines": [{ "stock_item_id": item, "counted": 11 }] });
    running.post("/api/v1/counts/1/record", &counted).await;
    running.post("/api/v1/counts/1/post", &json!({})).await;
    for quantity in [6, 6] {
        let order = json!({ "customer": "C-1", "lines": [{ "product_id": id, "quantity": quantity }] });
        running.post("/api/v1/orders", &order).await;
    }
    running
        .until("both orders are decided", async || {
            running.count("/api/v1/orders?status=pending&count=true").await == 0
        })
        .await;
    drop(running);
    // How long it took is the machine's affair: a target that is missed is told by the exit code.
    let done = inventory(url, &["--json", "kpis", "--days", "1"]);
    let report = done.json();
    let code = i32::from(!report["missed"].as_array().unwrap().is_empty());
    assert_eq!(done.code, code);
    let orders = &report["orders"];
    assert_eq!(orders["by_status"], json!({ "confirmed": 1, "rejected": 1 }));
    assert_eq!((&orders["decided"], &orders["success_rate"]), (&2.into(), &1.0.into()));
    let processing = &orders["processing"];
    let times = ["average_ms", "p95_ms", "p99_ms"].map(|name| processing[name].as_f64().unwrap());
    assert!(
        times[0] > 0.0 && times[0] <= times[1] && times[1] <= times[2],
        "{processing}"
    );
    assert_eq!(report["stock"]["alerts"], json!({ "low": 1 }));
    assert_eq!(
        (&report["stock"]["items"], &report["stock"]["accuracy"]),
        (&1.into(), &1.0.into())
    );
    let counted = &report["counts"]["accuracy"];
    assert_eq!((&counted["counted"], &counted["rate"]), (&1.into(), &0.0.into()));
    assert_eq!(counted["value"][0]["rate"], 0.9);
    // Another period has nothing of it.
    let before = [
        "--json",
        "kpis",
        "--from",
        "2020-01-01T00:00:00Z",
        "--to",
        "2020-02-01T00:00:00Z",
    ];
    let nothing = inventory(url, &before).expect(0).json();
    assert_eq!(
        (&nothing["orders"]["decided"], &nothing["orders"]["processing"]),
        (&0.into(), &json!(null))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpis_are_counted_on_sqlite() {
    let directory = Directory::new();
    kpis_of(&format!("sqlite:{}", directory.path().join("inventory.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpis_are_counted_on_postgres_and_missed_targets_told() {
    let database = postgres::database();
    kpis_of(&database.url).await;
    // Slower than any target, and stock that is not what the ledger says.
    database
        .psql("UPDATE orders SET decided_at = created_at + 60000000")
        .unwrap();
    database.psql("UPDATE stock_items SET on_hand = on_hand + 1").unwrap();
    let missed = inventory(&database.url, &["--json", "kpis"]).expect(1).json();
    assert_eq!(missed["orders"]["processing"]["p99_ms"], 60_000.0);
    // Three of how long orders took, the stock's, and the count's by lines and by value.
    assert_eq!(missed["missed"].as_array().unwrap().len(), 6, "{missed}");
}

#[test]
fn deployments_are_recorded_and_the_four_metrics_reported() {
    let directory = Directory::new();
    let log = directory.path().join("deployments.jsonl");
    let log = log.to_str().unwrap();
    let record = |version: &str, hour: u32, outcome: &str| {
        let (committed, time) = (
            format!("2026-01-05T{hour:02}:00:00Z"),
            format!("2026-01-05T{hour:02}:30:00Z"),
        );
        let arguments = [
            "dora",
            "record",
            log,
            "--env",
            "production",
            "--release",
            version,
            "--commit",
            "3f2a",
            "--committed-at",
            &committed,
            "--time",
            &time,
            "--outcome",
            outcome,
        ];
        inventory_with(&[], &arguments).expect(0);
    };
    record("1.0.0", 8, "succeeded");
    record("1.1.0", 10, "rolled-back");
    record("1.2.0", 12, "succeeded");
    let incident = [
        "dora",
        "incident",
        log,
        "--release",
        "1.2.0",
        "--started-at",
        "2026-01-05T13:00:00Z",
        "--restored-at",
        "2026-01-05T13:20:00Z",
    ];
    inventory_with(&[], &incident).expect(0);
    let period = ["--from", "2026-01-05T00:00:00Z", "--to", "2026-01-06T00:00:00Z"];
    let report = |more: &[&str]| inventory_with(&[], &[&["--json", "dora", "report", log][..], &period, more].concat());
    let four = report(&[]).expect(0).json();
    assert_eq!((&four["deployments"], &four["failed"]), (&3.into(), &2.into()));
    assert_eq!(four["deployments_per_day"], json!({ "value": 2.0, "rating": "elite" }));
    assert_eq!(
        four["lead_time_seconds"],
        json!({ "value": 1_800.0, "rating": "elite" })
    );
    assert_eq!(four["change_failure_rate"]["rating"], "low");
    assert_eq!(
        four["time_to_restore_seconds"],
        json!({ "value": 1_200.0, "rating": "elite" })
    );
    assert_eq!(report(&["--env", "qa"]).expect(0).json()["deployments"], 0);
    // A line that cannot be read is told, and the rest is there.
    fs::write(log, fs::read_to_string(log).unwrap() + "half a li").unwrap();
    assert_eq!(report(&[]).expect(1).json()["bad_lines"], json!([5]));
    inventory_with(&[], &["dora", "report", "no/such/log"]).expect(2);
}
