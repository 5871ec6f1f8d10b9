//! `baseline` and `rollback-check`.

use crate::support::{inventory, inventory_with};
use inventory_tests::{
    postgres,
    running::{Directory, Running, program},
};
use serde_json::Value;
use std::{fs, net::SocketAddr, os::unix::fs::symlink, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Passes everything on to a port, and keeps each part of an answer back for so long.
async fn slowed_down(port: u16, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut part = vec![0; 64 << 10];
                while let Ok(bytes @ 1..) = from_server.read(&mut part).await {
                    tokio::time::sleep(delay).await;
                    if to_client.write_all(&part[..bytes]).await.is_err() {
                        break;
                    }
                }
                asking.abort();
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_has_become_slow_fails_its_baseline() {
    let directory = Directory::new();
    let database = format!("sqlite:{}", directory.path().join("inventory.db").display());
    let running = Running::start(&database).await;
    let url = format!("http://127.0.0.1:{}", running.port);
    let file = directory.path().join("baseline.json");
    let path = file.to_str().unwrap();
    let load = ["--requests", "8", "--connections", "4"];
    let record = ["--json", "baseline", "record", &url, path, "--orders"];
    let recorded = inventory_with(&[], &[&record[..], &load].concat()).expect(0).json();
    let names: Vec<_> = recorded["operations"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        [
            "inventory_list",
            "inventory_low_stock",
            "live",
            "orders_create",
            "products_list"
        ]
    );
    // What it placed is taken away again.
    assert_eq!(running.count("/api/v1/orders?status=cancelled&count=true").await, 8);
    assert_eq!(running.count("/api/v1/products?status=archived&count=true").await, 1);
    assert_eq!(running.count("/api/v1/alerts?count=true").await, 0);
    inventory(&database, &["reconcile"]).expect(0);

    // As fast as it is: however loaded the machine, within a minute of what it was.
    let patient = ["--json", "baseline", "compare", &url, path, "--tolerance-ms", "60000"];
    assert_eq!(inventory_with(&[], &patient).expect(0).json()["ok"], true);

    // Each answer comes later than the limit of the slowest operation, whatever that was.
    let slowest = recorded["operations"].as_object().unwrap().values();
    let slowest = slowest
        .map(|figures| figures["p99_ms"].as_f64().unwrap())
        .fold(0.0, f64::max);
    let delay = Duration::from_secs_f64(1.5 * slowest / 1e3 + 0.1);
    let slow = format!("http://{}", slowed_down(running.port, delay).await);
    let compare = [
        "--json",
        "baseline",
        "compare",
        &slow,
        path,
        "--tolerance-percent",
        "50",
        "--tolerance-ms",
        "20",
    ];
    let worse = inventory_with(&[], &compare).expect(1).json();
    let worse = worse["regressions"].as_array().unwrap();
    for operation in &names {
        for what in ["p50", "p95", "p99"] {
            let is_told = worse
                .iter()
                .any(|one| one["operation"] == *operation && one["what"] == what);
            assert!(is_told, "{operation} {what}: {worse:?}");
        }
    }
    inventory_with(&[], &["baseline", "compare", &url, "no/such/file"]).expect(2);
}

fn problems(report: &Value) -> Vec<&str> {
    let problems = report["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem.as_str().unwrap()).collect()
}

fn is_checked(url: &str) {
    inventory(url, &["migrate"]).expect(0);
    inventory(url, &["rollback-check"]).expect(0);
    // The program that is built here is the release before: it knows everything.
    let directory = Directory::new();
    let previous = directory.path().join("inventory-handler");
    symlink(program("inventory-handler"), &previous).unwrap();
    let package = directory.path().to_str().unwrap();
    let report = inventory(url, &["--json", "rollback-check", "--package", package])
        .expect(0)
        .json();
    let migrations = report["migrations"].as_array().unwrap();
    assert!(migrations.len() >= 5);
    for migration in migrations {
        assert_eq!(
            (&migration["state"], &migration["is_in_previous"]),
            (&"applied".into(), &true.into())
        );
    }
    // All that came after the first has only added.
    inventory(url, &["rollback-check", "--previous-migration", "1"]).expect(0);
    // A program that is none of ours, and a package that is not there.
    fs::remove_file(&previous).unwrap();
    fs::write(&previous, "something else").unwrap();
    let other = inventory(url, &["--json", "rollback-check", "--package", package])
        .expect(1)
        .json();
    assert!(problems(&other)[0].contains("not one of ours"), "{other}");
    inventory(url, &["rollback-check", "--package", "no/such.zip"]).expect(2);
}

#[test]
fn a_release_can_be_taken_back_on_sqlite() {
    let directory = Directory::new();
    is_checked(&format!("sqlite:{}", directory.path().join("inventory.db").display()));
}

#[test]
fn a_release_can_be_taken_back_on_postgres_and_a_foreign_schema_is_told() {
    let database = postgres::database();
    is_checked(&database.url);
    database
        .psql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '\\x00', 0)",
        )
        .unwrap();
    database
        .psql("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1")
        .unwrap();
    let report = inventory(&database.url, &["--json", "rollback-check"]).expect(1).json();
    let problems = problems(&report);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].contains("another text") && problems[1].contains("newer program"),
        "{problems:?}"
    );
}
