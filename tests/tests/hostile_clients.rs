//! Clients that mean no good, against the built handler: it stays within its memory and answers everybody else.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

use http::{Method, StatusCode};
use inventory_tests::{handler::Handler, running::PATIENCE};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::process::Command;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Files this process needs besides its connections.
const OTHER_FILES: u64 = 500;
/// Connections opened at the same moment: fewer than may wait to be accepted.
const OPENING: usize = 250;
/// What the handler may use of memory, in KiB: 60 MiB by itself, 20 KiB for each of 10,000 connections, and two invocations of
/// 100 MiB that are worked on, each with a copy while it grows.
const MEMORY_KIB_MAX: u64 = (60 + 200 + 2 * 200) * 1024;
const LIVE: &str = "GET /live HTTP/1.1\r\nhost: x\r\n\r\n";
const BODY_BYTES: usize = 100_000_000;

/// Lets this process, and what it starts, open so many files.
fn allow_files(files: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(
        hard >= files,
        "this test opens {files} files and the system allows {hard}: raise the hard limit \
         (`ulimit -Hn`, `docker run --ulimit nofile={files}`)"
    );
    if soft < files {
        setrlimit(Resource::RLIMIT_NOFILE, files, hard).unwrap();
    }
}

/// A number in the handler's `/proc/<pid>/status`, in KiB.
fn status(handler: &Handler, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", handler.pid())).unwrap();
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap().trim_end_matches("kB").trim().parse().unwrap()
}

/// Files that the handler has open.
fn files(handler: &Handler) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", handler.pid()))
        .unwrap()
        .count()
}

/// Opens a connection and sends the beginning of something.
async fn open(port: u16, sends: impl AsRef<[u8]>) -> TcpStream {
    let opening = async {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(sends.as_ref()).await.unwrap();
        client
    };
    timeout(PATIENCE, opening).await.unwrap()
}

/// Opens many of the same.
async fn open_many(count: usize, port: u16, sends: &'static str) -> Vec<TcpStream> {
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let mut opening = JoinSet::new();
        for _ in clients.len()..count.min(clients.len() + OPENING) {
            opening.spawn(open(port, sends));
        }
        clients.extend(opening.join_all().await);
        // Answered once all before it have been accepted.
        let mut last = open(port, LIVE).await;
        assert_eq!(answered(&mut last).await, "HTTP/1.1 200 OK");
    }
    clients
}

/// The status line that comes, or nothing where the connection is closed without one.
async fn answered(client: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let reading = async {
        // An error is a closed connection too.
        while let Ok(byte) = client.read_u8().await {
            line.push(byte);
            if byte == b'\n' {
                break;
            }
        }
    };
    timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8_lossy(&line).trim().to_owned()
}

/// Somebody who means well, and is served.
async fn others_are_answered(handler: &Handler, product: i64) {
    let (status, products) = handler.http.get("/api/v1/products").await;
    assert_eq!((status, &products[0]["id"]), (StatusCode::OK, &json!(product)));
    let order = json!({"customer": "C-1", "lines": [{"product_id": product, "quantity": 1}]});
    let (status, order) = handler.http.post("/api/v1/orders", &order).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{order}");
    // Without a connection from before.
    let mut newcomer = open(handler.port, "GET /api/v1/products HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(answered(&mut newcomer).await, "HTTP/1.1 200 OK");
}

async fn product(handler: &Handler) -> i64 {
    let new = json!({"sku": "A", "name": "A", "unit_price_minor": 1});
    let (status, product) = handler.http.post("/api/v1/products", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{product}");
    product["id"].as_i64().unwrap()
}

/// Sends a body of [`BODY_BYTES`] as far as it is taken; gives the status line.
async fn send_large(port: u16, path: &str, is_declared: bool) -> String {
    const PIECE: usize = 65_536;
    let framing = if is_declared {
        format!("content-length: {BODY_BYTES}")
    } else {
        "transfer-encoding: chunked".to_owned()
    };
    let mut client = open(
        port,
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"),
    )
    .await;
    let piece = vec![b'['; PIECE];
    let sending = async {
        let mut left = BODY_BYTES;
        while left > 0 {
            let part = &piece[..left.min(PIECE)];
            left -= part.len();
            if is_declared {
                client.write_all(part).await?;
            } else {
                client.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
                client.write_all(part).await?;
                client.write_all(b"\r\n").await?;
            }
        }
        if !is_declared {
            client.write_all(b"0\r\n\r\n").await?;
        }
        std::io::Result::Ok(())
    };
    // Refused early, it may not get rid of all.
    drop(timeout(PATIENCE, sending).await.unwrap());
    answered(&mut client).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_means_no_good_costs_little_and_shuts_nobody_out() {
    const HALF_HEADS: usize = 5_000;
    const IDLE: usize = 3_000;
    const HALF_BODIES: usize = 2_000;
    allow_files((HALF_HEADS + IDLE + HALF_BODIES) as u64 + OTHER_FILES);
    let handler = Handler::start(&[("REQUEST_TIMEOUT_SECONDS", "12")]).await;
    let port = handler.port;
    let product = product(&handler).await;
    let before = status(&handler, "VmRSS");

    // Slow heads, idle connections, slow bodies: ten thousand at once. The bodies are more than may be worked on at once.
    let half_heads = open_many(HALF_HEADS, port, "GET /api/v1/products HTTP/1.1\r\nhost: x\r\nslow: ").await;
    let mut idle = open_many(IDLE, port, LIVE).await;
    for client in &mut idle {
        assert_eq!(answered(client).await, "HTTP/1.1 200 OK");
    }
    let half_bodies = "POST /api/v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{\"customer\":";
    let mut half_bodies = open_many(HALF_BODIES, port, half_bodies).await;
    others_are_answered(&handler, product).await;
    assert!(files(&handler) >= HALF_HEADS + IDLE + HALF_BODIES);
    let held = status(&handler, "VmRSS");

    // Meanwhile: bodies of 100 MB, to functions for everybody and to those of the host.
    let mut large = JoinSet::new();
    for number in 0..8 {
        let (path, expected) = match number % 2 {
            0 => ("/api/v1/orders", "HTTP/1.1 413 Payload Too Large"),
            _ => ("/orders_process", "HTTP/1.1 400 Bad Request"),
        };
        large.spawn(async move {
            assert_eq!(send_large(port, path, number % 4 < 2).await, expected);
        });
    }
    while let Some(sent) = large.join_next().await {
        sent.unwrap();
        others_are_answered(&handler, product).await;
    }

    // JSON that is deep, heads that are large.
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let json = [("content-type", "application/json")];
    for (body, expected) in [
        (deep.clone(), (422, "invalid")),
        (format!("{{\"customer\":{deep},\"lines\":[]}}"), (422, "invalid")),
        ("{\"customer\":[".repeat(10_000), (400, "malformed_json")),
    ] {
        let answer = handler.http.send(Method::POST, "/api/v1/orders", &json, body).await;
        let (status, problem) = answer.json();
        assert_eq!(
            (status.as_u16(), problem["code"].as_str().unwrap()),
            expected,
            "{problem}"
        );
    }
    let batch = json!({
        "Data": { "messages": json!([deep]).to_string() },
        "Metadata": { "MessageIdArray": "[\"deep\"]" }
    });
    let (status_of_batch, report) = handler.http.post("/orders_process", &batch).await;
    assert_eq!(status_of_batch, StatusCode::OK, "{report}");
    let (_, parked) = handler.http.get("/api/v1/parked").await;
    assert_eq!(parked[0]["message_id"], "deep", "{parked}");
    let megabyte = "x".repeat(1_000_000);
    for head in [
        format!("GET /live HTTP/1.1\r\nhost: x\r\nlarge: {megabyte}\r\n\r\n"),
        format!("GET /live HTTP/1.1\r\nhost: x\r\n{}\r\n", "many: y\r\n".repeat(100_000)),
        format!("GET /live?{megabyte} HTTP/1.1\r\nhost: x\r\n\r\n"),
    ] {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // Refused early, it may not get rid of all.
        drop(client.write_all(head.as_bytes()).await);
        assert_eq!(
            answered(&mut client).await,
            "HTTP/1.1 431 Request Header Fields Too Large"
        );
    }
    others_are_answered(&handler, product).await;

    // Slow bodies are given up one by one, and each is told.
    for client in &mut half_bodies {
        assert_eq!(answered(client).await, "HTTP/1.1 408 Request Timeout");
    }
    others_are_answered(&handler, product).await;
    let peak = status(&handler, "VmHWM");
    println!("memory in KiB: {before} before, {held} with the connections, {peak} at most");
    assert!(
        peak <= MEMORY_KIB_MAX,
        "{peak} KiB of memory: more than {MEMORY_KIB_MAX}"
    );
    drop((half_heads, idle));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_files_to_open_it_serves_those_it_can() {
    const CLIENTS: usize = 300;
    allow_files(CLIENTS as u64 + OTHER_FILES);
    let handler = Handler::start(&[]).await;
    let product = product(&handler).await;
    // Too few for all of them, and fewer than the handler was allowed at its start.
    let allowed = files(&handler) + CLIENTS / 4;
    let limited = Command::new("prlimit")
        .args(["--pid", &handler.pid().to_string(), &format!("--nofile={allowed}:")])
        .status()
        .unwrap();
    assert!(limited.success());
    let clients = open_many(CLIENTS, handler.port, "GET /api/v1/prod").await;
    others_are_answered(&handler, product).await;
    assert!(files(&handler) <= allowed);
    let log = handler.log();
    assert_eq!(log.matches("no connection can be accepted").count(), 1, "{log}");
    drop(clients);
    others_are_answered(&handler, product).await;
}
