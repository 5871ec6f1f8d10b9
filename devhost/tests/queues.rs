//! `devhost queues`, as people type it.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::App;
use tokio::process::Command;

/// Runs `devhost queues` and returns whether it succeeded, and what it printed and complained of.
async fn queues(port: u16, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_devhost"))
        .args(["queues", "--port", &port.to_string()])
        .args(arguments)
        .output()
        .await
        .unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

async fn json(port: u16, arguments: &[&str]) -> Value {
    let (success, printed, complaint) = queues(port, &[arguments, &["--json"]].concat()).await;
    assert!(success, "{complaint}");
    serde_json::from_str(&printed).unwrap()
}

#[tokio::test]
async fn messages_are_sent_listed_shown_resubmitted_and_purged() {
    let app = App::new().queue("one", "orders", json!({}));
    let mut host = app.start().await;
    let port = host.port;
    let (success, printed, _) = queues(
        port,
        &[
            "send",
            "orders",
            "fail",
            "--message-id",
            "bad",
            "--property",
            "n=1",
            "--property",
            "color=red",
        ],
    )
    .await;
    assert!(success && printed == "Sent: 1.\n", "{printed}");
    for _ in 1..=10 {
        let call = host.envelope("one").await;
        assert_eq!(
            call["envelope"]["Metadata"]["ApplicationProperties"],
            json!({"n": 1, "color": "red"})
        );
    }
    let dead = loop {
        // The tenth call has ended; giving its message up takes the host a moment longer.
        let dead = json(port, &["peek", "orders", "--state", "deadletter"]).await;
        if dead["total"] == 1 {
            break dead;
        }
    };
    let number = dead["messages"][0]["sequenceNumber"].to_string();
    let (_, printed, _) = queues(port, &["peek", "orders/$deadletterqueue"]).await;
    for words in [
        "bad since ",
        "deliveries: 10",
        "reason: MaxDeliveryCountExceeded",
        "body (4 bytes): fail",
    ] {
        assert!(printed.contains(words), "{printed}");
    }
    let (_, printed, _) = queues(port, &[]).await;
    assert!(printed.starts_with("ENTITY"), "{printed}");
    assert_eq!(json(port, &["list"]).await[0]["deadLettered"], 1);
    let (success, printed, _) = queues(port, &["resubmit", "orders", &number]).await;
    assert!(success && printed == "Resubmitted: 1.\n", "{printed}");
    let call = host.envelope("one").await;
    assert_eq!(call["envelope"]["Metadata"]["DeliveryCount"], "1");
    let sent = json(port, &["send", "orders", "later", "--at", "2126-01-01T00:00:00Z"]).await;
    assert_eq!(sent["sequenceNumbers"].as_array().unwrap().len(), 1);
    assert_eq!(
        json(port, &["purge", "orders", "--state", "scheduled"]).await,
        json!({"purged": 1})
    );
}

#[tokio::test]
async fn a_file_of_messages_is_sent() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .setting("AzureWebJobs.one.Disabled", "1");
    let host = app.start().await;
    let file = app.path().join("messages.json");
    std::fs::write(&file, json!([{"body": "a"}, {"body": {"b": 2}}]).to_string()).unwrap();
    let sent = json(host.port, &["send", "orders", "--messages", file.to_str().unwrap()]).await;
    assert_eq!(sent, json!({"sequenceNumbers": [1, 2]}));
    assert_eq!(host.counts("orders").await, (2, 0));
    assert_eq!(
        json(host.port, &["resubmit", "orders", "--all"]).await,
        json!({"resubmitted": 0})
    );
}

#[tokio::test]
async fn what_goes_wrong_is_said() {
    let app = App::new().queue("one", "orders", json!({}));
    let mut host = app.start().await;
    for (arguments, complaint) in [
        (&["peek", "nope"][..], "The messaging entity 'nope' could not be found."),
        (&["resubmit", "orders", "7"], "has no such message"),
        (&["send", "orders", "x", "--at", "tomorrow"], "scheduledEnqueueTime"),
        (
            &["send", "orders", "--messages", "/does/not/exist"],
            "/does/not/exist: ",
        ),
        (&["resubmit", "orders"], "required"),
        (&["purge", "orders"], "--state"),
    ] {
        let (success, _, said) = queues(host.port, arguments).await;
        assert!(!success && said.contains(complaint), "{arguments:?}: {said}");
    }
    host.stop().await;
    let (success, _, said) = queues(host.port, &["list"]).await;
    assert!(
        !success && said.contains(&format!("no devhost listens on port {}", host.port)),
        "{said}"
    );
}
