//! Azure's own SDKs send to the listener: what applications do, and the errors they are told.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use devhost::servicebus::{
    AmqpOptions, Broker, BrokerMessage, Delivery, Entities, EntityCounts, MessageState, QueueOptions, serve_amqp,
};
use serde_json::{Value, json};
use servicebus_support::{Scratch, tool};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A listener on a port of its own, and its broker.
struct Bus {
    broker: Broker,
    connection_string: String,
    shutdown: CancellationToken,
    _scratch: Scratch,
}

async fn start() -> Bus {
    let scratch = Scratch::new();
    let broker = Broker::open(&scratch.file(), Entities::default()).unwrap();
    broker.ensure_queue("orders", QueueOptions::default()).unwrap();
    for subscription in ["all", "ruled"] {
        broker
            .ensure_subscription("inventory-events", subscription, QueueOptions::default())
            .unwrap();
    }
    for (name, seconds, requires_session) in [("sessions", 60, true), ("brief", 2, false), ("brief-sessions", 2, true)]
    {
        let options = QueueOptions {
            lock_duration: Duration::from_secs(seconds),
            requires_session,
            ..QueueOptions::default()
        };
        broker.ensure_queue(name, options).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve_amqp(
        broker.clone(),
        listener,
        AmqpOptions::default(),
        shutdown.clone(),
    ));
    let connection_string = format!(
        "Endpoint=sb://localhost:{port};SharedAccessKeyName=RootManageSharedAccessKey;\
         SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
    );
    Bus {
        broker,
        connection_string,
        shutdown,
        _scratch: scratch,
    }
}

/// Runs a script to its end and returns what it printed last.
async fn run(program: &Path, arguments: &[&str]) -> Value {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}: run cargo xtask test, which installs it",
                program.display()
            )
        });
    let output = tokio::time::timeout(Duration::from_secs(150), child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    serde_json::from_str(stdout.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{stdout}\n{stderr}"))
}

/// Receives until a message with this id has come; all of them, by id.
async fn receive_until(broker: &Broker, entity: &str, last: &str) -> HashMap<String, Delivery> {
    let mut all = HashMap::new();
    while !all.contains_key(last) {
        let deliveries = tokio::time::timeout(Duration::from_secs(10), broker.receive(entity, 5_000))
            .await
            .unwrap()
            .unwrap();
        all.extend(
            deliveries
                .into_iter()
                .map(|delivery| (delivery.message.message_id.clone(), delivery)),
        );
    }
    all
}

/// What both scripts send must be there, whichever sent it.
async fn check_messages(bus: &Bus, report: &Value, list_body: &str) {
    let mut orders = receive_until(&bus.broker, "orders", "large").await;
    if !orders.contains_key("soon") {
        orders.extend(receive_until(&bus.broker, "orders", "soon").await);
    }
    let single = &orders["single"];
    assert_eq!(
        serde_json::from_slice::<Value>(&single.message.body).unwrap(),
        json!({"text": "ä"})
    );
    let message = &single.message;
    for (value, expected) in [
        (&message.session_id, "session"),
        (&message.subject, "subject"),
        (&message.content_type, "application/json"),
        (&message.correlation_id, "correlation"),
        (&message.to, "to"),
        (&message.reply_to, "reply-to"),
        (&message.reply_to_session_id, "reply-session"),
        (&message.partition_key, "session"),
    ] {
        assert_eq!(value.as_deref(), Some(expected));
    }
    assert_eq!(message.time_to_live, Some(Duration::from_hours(1)));
    assert_eq!((single.expires_at - single.enqueued_time).whole_seconds(), 3_600);
    assert_eq!(
        Value::Object(message.application_properties.clone()),
        json!({"text": "t", "number": 7, "big": 1_073_741_824, "truth": true, "half": 0.5})
    );
    for n in 0..10 {
        assert_eq!(orders[&format!("list-{n}")].message.body, list_body);
    }
    for n in 1..1_000 {
        let (before, this) = (&orders[&format!("batch-{}", n - 1)], &orders[&format!("batch-{n}")]);
        assert!(before.sequence_number < this.sequence_number);
    }
    // The one that was scheduled and not taken back, until its hour has come.
    assert_eq!(report["scheduled"], 2);
    let counts = bus.broker.counts("orders").unwrap();
    assert_eq!(orders["large"].message.body.len(), 900_000);
    // One, list, batch, one by one, soon, the large one, and the one after the one that was too large.
    assert_eq!(
        counts,
        EntityCounts {
            active: 1 + 10 + 1_000 + 1_000 + 1 + 1 + 1,
            scheduled: 1,
            ..EntityCounts::default()
        }
    );
    let soon = &orders["soon"];
    assert!(soon.sequence_number > single.sequence_number);
    let events = receive_until(&bus.broker, "inventory-events/subscriptions/all", "event").await;
    assert_eq!(events.len(), 1);
    assert_eq!(report["batch_bytes_max"], 1_048_576);
    assert_eq!(report["after_too_large"]["error"], Value::Null);
    println!("{report:#}");
}

fn assert_quick_error(report: &Value, action: &str, error: &str) {
    let outcome = &report[action];
    assert_eq!(outcome["error"], error, "{action}: {outcome}");
    assert!(outcome["seconds"].as_f64().unwrap() < 2.0, "{action}: {outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python() {
    let bus = start().await;
    let script = format!("{HERE}/tests/sdk/send.py");
    let report = run(&tool("python/bin/python"), &[&script, &bus.connection_string]).await;
    check_messages(&bus, &report, "list").await;
    assert_quick_error(&report, "unknown_queue", "MessagingEntityNotFoundError");
    assert_quick_error(&report, "too_large", "MessageSizeExceededError");
    bus.shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node() {
    let bus = start().await;
    let script = format!("{HERE}/tests/sdk/send.mjs");
    let modules = tool("node/node_modules");
    let arguments = [&script, bus.connection_string.as_str(), modules.to_str().unwrap()];
    let report = run(Path::new("node"), &arguments).await;
    // Node's SDK encodes text as JSON.
    check_messages(&bus, &report, "\"list\"").await;
    assert_quick_error(&report, "unknown_queue", "MessagingEntityNotFound");
    assert_quick_error(&report, "too_large", "MessageSizeExceeded");
    bus.shutdown.cancel();
}

/// Nothing is left behind by a script that has settled everything.
fn assert_empty(broker: &Broker) {
    for entity in ["orders", "sessions", "brief", "inventory-events/subscriptions/ruled"] {
        let counts = broker.counts(entity).unwrap();
        assert_eq!(counts, EntityCounts::default(), "{entity}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_receives() {
    let bus = start().await;
    let script = format!("{HERE}/tests/sdk/receive.py");
    run(&tool("python/bin/python"), &[&script, &bus.connection_string]).await;
    // The session whose lock ran out is given out again.
    let late = tokio::time::timeout(Duration::from_mins(1), bus.broker.receive("brief-sessions", 1));
    let late = late.await.unwrap().unwrap();
    assert_eq!(late[0].message.message_id, "c1");
    assert!(late[0].delivery_count >= 2);
    bus.broker
        .purge("inventory-events/subscriptions/ruled", MessageState::Active)
        .await
        .unwrap();
    assert_empty(&bus.broker);
    bus.shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_receives() {
    let bus = start().await;
    let script = format!("{HERE}/tests/sdk/receive.mjs");
    let modules = tool("node/node_modules");
    let arguments = [&script, bus.connection_string.as_str(), modules.to_str().unwrap()];
    run(Path::new("node"), &arguments).await;
    assert_empty(&bus.broker);
    bus.shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_receiver_had_that_was_killed_comes_again() {
    let bus = start().await;
    let held = BrokerMessage {
        message_id: "held".to_owned(),
        ..BrokerMessage::default()
    };
    bus.broker.send("brief", vec![held]).await.unwrap();
    let script = format!("{HERE}/tests/sdk/receive.py");
    let mut child = Command::new(tool("python/bin/python"))
        .args([&script, &bus.connection_string, "hold"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_mins(1), lines.next_line())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(line.as_deref(), Some("holds held"));
    child.kill().await.unwrap();
    let deliveries = tokio::time::timeout(Duration::from_mins(1), bus.broker.receive("brief", 1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(deliveries[0].message.message_id, "held");
    assert!(deliveries[0].delivery_count >= 2, "the lock had to run out");
    bus.shutdown.cancel();
}
