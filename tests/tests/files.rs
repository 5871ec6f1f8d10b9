//! Exports and imports, end to end: the built programs, one of which is killed in the middle.
#![allow(clippy::unwrap_used, missing_docs)]

use http::{Method, StatusCode};
use inventory_tests::{
    azurite::Azurite,
    postgres,
    running::{Directory, Running},
};
use serde_json::{Value, json};

/// Lines of the file: enough that a program dies before it has done them.
const LINES: usize = 20_000;

fn file() -> String {
    let lines: Vec<String> = (0..LINES)
        .map(|n| format!("SKU-{n},Tea {n},125,EUR,{}\n", n % 10))
        .collect();
    let lines = lines.concat();
    format!("sku,name,unit_price_minor,currency,on_hand\n{lines}LAST,Tea,1,euro,1\n")
}

/// Waits until an export or import has ended; meanwhile the timer comes more often than it would.
async fn ended(running: &Running, path: &str) -> Value {
    let mut found = Value::Null;
    running
        .until("it has ended", async || {
            running.invoke("files_work").await;
            found = running.get(path).await.1;
            ["done", "failed"].iter().any(|status| found["status"] == *status)
        })
        .await;
    found
}

async fn killed_in_the_middle(running: &Running) {
    let headers = [("content-type", "text/csv")];
    let asked = running.send(Method::POST, "/api/v1/imports", &headers, file()).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    let path = asked.headers["location"].to_str().unwrap().to_owned();
    let mut before = Value::Null;
    running
        .until("it has begun", async || {
            before = running.get(&path).await.1;
            before["rows"].as_u64().is_some_and(|rows| rows > 0)
        })
        .await;
    assert!(running.kill_handler());
    assert_eq!(before["status"], "running", "it was killed in the middle: {before}");

    let done = ended(running, &path).await;
    assert_eq!(done["status"], "done", "{done}");
    assert_eq!(done["rows"], LINES + 1);
    assert_eq!(done["done_bytes"], done["size_bytes"]);
    // Each line once, also in the counts; where nothing is on hand nothing has moved.
    assert_eq!(
        done["counts"],
        json!({ "created": LINES, "updated": 0, "unchanged": 0, "stock_changed": LINES / 10 * 9, "refused": 1 })
    );
    assert_eq!(done["refused_lines"][0]["line"], LINES + 2);
    assert_eq!(running.count("/api/v1/products?count=true&limit=1").await, LINES as u64);

    // An export is made anew by whoever comes next, whenever its program dies.
    let headers = [("content-type", "application/json")];
    let new = json!({ "kind": "movements" }).to_string();
    let asked = running.send(Method::POST, "/api/v1/exports", &headers, new).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    assert!(running.kill_handler());
    let path = asked.headers["location"].to_str().unwrap().to_owned();
    let made = ended(running, &path).await;
    assert_eq!(
        (&made["status"], &made["rows"]),
        (&json!("done"), &json!(LINES / 10 * 9)),
        "{made}"
    );
    let file = running.send(Method::GET, &format!("{path}/file"), &[], "").await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(made["size_bytes"], file.body.len());
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), LINES / 10 * 9 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_killed_in_the_middle_of_a_file_on_disk() {
    let directory = Directory::new();
    let database = format!("sqlite:{}", directory.path().join("inventory.db").display());
    let files = directory.path().join("files");
    let running = Running::start_with(&database, &[("FILES_DIRECTORY", files.to_str().unwrap())]).await;
    killed_in_the_middle(&running).await;
    let left = |folder: &str| std::fs::read_dir(files.join(folder)).unwrap().count();
    running
        .until("the file that was imported is gone", async || {
            running.invoke("files_work").await;
            left("imports") == 0
        })
        .await;
    assert_eq!(left("exports"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_killed_in_the_middle_of_a_file_in_blob_storage() {
    let azurite = Azurite::start();
    let database = postgres::database();
    let connection = azurite.connection_string();
    let settings = [("BLOB_STORAGE_CONNECTION_STRING", connection.as_str())];
    let running = Running::start_with(&database.url, &settings).await;
    killed_in_the_middle(&running).await;
}
