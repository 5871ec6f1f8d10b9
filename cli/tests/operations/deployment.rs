//! `verify`, `health` and `smoke` against the running app.

use crate::support::{Done, inventory, inventory_with};
use inventory_tests::{
    postgres::{Cluster, Durability, TestDatabase},
    running::{Directory, Running},
};
use serde_json::Value;

fn url(running: &Running) -> String {
    format!("http://127.0.0.1:{}", running.port)
}

fn sqlite(directory: &Directory) -> String {
    format!("sqlite:{}", directory.path().join("inventory.db").display())
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

fn failed(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_verified_and_a_broken_one_fails() {
    // What was committed survives the kill.
    let mut cluster = Cluster::start_with(Durability::Full).unwrap();
    let database = TestDatabase::create(&cluster.url("postgres")).unwrap();
    let running = Running::start(&database.url).await;
    let url = url(&running);
    let verify = |more: &[&str]| -> Done { inventory_with(&[], &[&["--json", "verify", &url][..], more].concat()) };

    let good = verify(&["--env", "local"]).expect(0).json();
    assert_eq!((&good["ok"], &good["environment"]), (&true.into(), &"local".into()));
    assert_eq!(good["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(good["checks"].as_array().unwrap().len(), 5);
    inventory_with(&[], &["health", &url]).expect(0);

    let other = verify(&["--within", "0", "--env", "production"]).expect(1).json();
    assert_eq!(failed(&other), ["health"]);
    let older = verify(&["--within", "0", "--expect-version", "9.9.9"]).expect(1).json();
    assert!(
        check(&older, "health")["detail"]
            .as_str()
            .unwrap()
            .ends_with("not 9.9.9")
    );

    // Its database is away.
    cluster.kill().unwrap();
    let broken = verify(&["--within", "0"]).expect(1).json();
    assert_eq!((&broken["ok"], &broken["attempts"]), (&false.into(), &1.into()));
    assert_eq!(failed(&broken), ["ready", "read"]);
    assert!(check(&broken, "ready")["detail"].as_str().unwrap().contains("database"));
    let unwell = inventory_with(&[], &["health", &url]).expect(1);
    assert!(unwell.stdout.contains("FAIL  ready"), "{}", unwell.stdout);

    // It comes back by itself, and whoever waits for it sees it.
    cluster.start_again().unwrap();
    verify(&["--within", "180"]).expect(0);

    drop(running);
    let gone = verify(&["--within", "0"]).expect(1).json();
    assert_eq!(failed(&gone), ["live", "health", "ready", "openapi", "read"]);
}

#[test]
fn a_url_that_is_none_is_the_command_lines_fault() {
    for url in ["nonsense", "ftp://host", "https://user:hunter2@host"] {
        for command in ["verify", "health", "smoke"] {
            let done = inventory_with(&[], &[command, url]).expect(2);
            assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
        }
    }
    let both = [("INVENTORY_TOKEN", "hunter2"), ("INVENTORY_API_KEY", "hunter2")];
    let done = inventory_with(&both, &["verify", "http://127.0.0.1:9"]).expect(2);
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    // The environment that is meant is another one.
    inventory_with(
        &[("ENVIRONMENT", "qa")],
        &["health", "http://127.0.0.1:9", "--env", "production"],
    )
    .expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smoke_test_leaves_nothing_and_can_be_run_again() {
    let directory = Directory::new();
    let database = sqlite(&directory);
    let running = Running::start(&database).await;
    let url = url(&running);
    let first = inventory_with(&[], &["--json", "smoke", &url]).expect(0).json();
    let names: Vec<_> = first["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["name"])
        .collect();
    assert_eq!(
        names,
        [
            "health",
            "product",
            "stock",
            "order",
            "decided",
            "levels",
            "low stock",
            "discontinue",
            "cancel",
            "take out",
            "archive"
        ]
    );
    let second = inventory_with(&[], &["smoke", &url, "--without-alert"]).expect(0);
    assert!(!second.stdout.contains("low stock"), "{}", second.stdout);
    assert_eq!(running.count("/api/v1/products?status=archived&count=true").await, 2);
    assert_eq!(running.count("/api/v1/products?count=true&status=active").await, 0);
    assert_eq!(running.count("/api/v1/alerts?status=open&count=true").await, 0);
    assert_eq!(running.count("/api/v1/alerts?count=true").await, 1);
    assert_eq!(running.count("/api/v1/orders?status=cancelled&count=true").await, 2);
    assert_eq!(running.get("/api/v1/inventory/value").await.1[0]["quantity"], 0);
    inventory(&database, &["reconcile"]).expect(0);

    // Meant for another environment: nothing is written.
    let refused = inventory_with(&[], &["--json", "smoke", &url, "--env", "production"])
        .expect(1)
        .json();
    assert_eq!(failed(&refused), ["health"]);
    assert_eq!(running.count("/api/v1/products?count=true").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smoke_test_that_fails_takes_away_what_it_has_made() {
    let directory = Directory::new();
    // Orders are taken, and nobody decides them.
    let off = [("AzureWebJobs.orders_process.Disabled", "true")];
    let running = Running::start_with(&sqlite(&directory), &off).await;
    let done = inventory_with(&[], &["--json", "smoke", &url(&running), "--within", "1"])
        .expect(1)
        .json();
    assert_eq!(failed(&done), ["decided"]);
    assert_eq!(check(&done, "archive")["ok"], true);
    assert_eq!(running.count("/api/v1/products?status=archived&count=true").await, 1);
    assert_eq!(running.count("/api/v1/orders?status=cancelled&count=true").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_accounts_it_signs_in() {
    let directory = Directory::new();
    let database = sqlite(&directory);
    let keys = [("JWT_KEYS", "a-key-of-at-least-thirty-two-bytes-for-a-test")];
    let running = Running::start_with(&database, &keys).await;
    let url = url(&running);
    let added = inventory(
        &database,
        &["--json", "clients", "add", "pipeline", "--role", "manager"],
    )
    .expect(0)
    .json();
    let secret = added["secret"].as_str().unwrap();

    let stranger = inventory_with(&[], &["--json", "verify", &url]).expect(0).json();
    let detail = check(&stranger, "read")["detail"].as_str().unwrap();
    assert!(detail.contains("refused without credentials"), "{detail}");
    let refused = inventory_with(&[], &["--json", "smoke", &url]).expect(1).json();
    assert_eq!(failed(&refused), ["product"]);
    let wrong = [
        ("INVENTORY_CLIENT_ID", "pipeline"),
        ("INVENTORY_CLIENT_SECRET", "ics_wrong"),
    ];
    let wrong = inventory_with(&wrong, &["--json", "verify", &url, "--within", "0"]).expect(1);
    assert_eq!(failed(&wrong.json()), ["read"]);
    assert!(!wrong.stdout.contains("ics_wrong") && !wrong.stderr.contains("ics_wrong"));

    let right = [("INVENTORY_CLIENT_ID", "pipeline"), ("INVENTORY_CLIENT_SECRET", secret)];
    let verified = inventory_with(&right, &["--json", "verify", &url]).expect(0).json();
    assert_eq!(check(&verified, "read")["detail"], "products: 0");
    inventory_with(&right, &["smoke", &url]).expect(0);
}
