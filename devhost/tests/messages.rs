//! Functions that messages call.

#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::App;

#[tokio::test]
async fn what_fails_comes_again_and_is_given_up_at_last() {
    let app = App::new().queue("one", "orders", json!({})).queue(
        "dead",
        "orders/$deadletterqueue",
        json!({"cardinality": "many", "dataType": "string"}),
    );
    let mut host = app.start().await;
    host.message("orders", json!({"body": "fai", "messageId": "good"}))
        .await;
    host.envelope("one").await;
    host.message("orders", json!({"body": "fail", "messageId": "bad"}))
        .await;
    for count in 1..=10 {
        let call = host.envelope("one").await;
        assert_eq!(call["envelope"]["Metadata"]["DeliveryCount"], count.to_string());
    }
    let call = host.envelope("dead").await;
    let properties: Value = serde_json::from_str(
        call["envelope"]["Metadata"]["ApplicationPropertiesArray"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(properties[0]["DeadLetterReason"], "MaxDeliveryCountExceeded");
}

#[tokio::test]
async fn a_batch_is_bounded_and_waits_for_its_minimum() {
    let app = App::new()
        .host(
            "/extensions/serviceBus",
            json!({"maxMessageBatchSize": 3, "minMessageBatchSize": 3}),
        )
        .queue("many", "orders", json!({"cardinality": "many", "dataType": "string"}));
    let mut host = app.start().await;
    for body in ["a", "b", "c", "d", "e", "f"] {
        host.message("orders", json!({"body": body})).await;
    }
    for data in ["[\"a\",\"b\",\"c\"]", "[\"d\",\"e\",\"f\"]"] {
        assert_eq!(host.envelope("many").await["envelope"]["Data"]["m"], data);
    }
}

#[tokio::test]
async fn a_handler_that_is_down_uses_up_no_deliveries() {
    let app = App::new().queue("one", "orders", json!({}));
    let mut host = app.launch(&[]).await;
    let mut pid = host.ready().await;
    for round in 0..2 {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        host.line("ended by a signal").await;
        host.message("orders", json!({"body": format!("round {round}")})).await;
        pid = host.ready().await;
        let call = host.envelope("one").await;
        assert_eq!(call["envelope"]["Metadata"]["DeliveryCount"], "1");
        // Killed while its reply is on the way, this message would be the one that comes again.
        host.line("Executed 'Functions.one' (Succeeded").await;
    }
}

#[tokio::test]
async fn queues_survive_the_host() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .setting("AzureWebJobs.one.Disabled", "1");
    let mut host = app.start().await;
    host.message("orders", json!({"body": "kept", "messageId": "k"})).await;
    host.signal(Signal::SIGKILL);
    host.child.wait().await.unwrap();
    let app = app.setting("AzureWebJobs.one.Disabled", "0");
    let mut host = app.start().await;
    assert_eq!(host.envelope("one").await["envelope"]["Metadata"]["MessageId"], "\"k\"");
}

#[tokio::test]
async fn a_subscription_gets_what_its_topic_gets() {
    let trigger = |name: &str| json!([{"type": "serviceBusTrigger", "name": "m", "topicName": "events", "subscriptionName": name, "connection": "SB"}]);
    let app = App::new()
        .function("first", trigger("a"))
        .function("second", trigger("b"));
    let mut host = app.start().await;
    host.message("events", json!({"body": "x"})).await;
    host.message("events", json!({"body": "y"})).await;
    // Either may be first; each has both.
    let mut seen = Vec::new();
    for _ in 0..4 {
        let line = host.line("ENVELOPE ").await;
        let call: Value = serde_json::from_str(line.split_once("ENVELOPE ").unwrap().1).unwrap();
        seen.push(format!("{}{}", call["function"], call["envelope"]["Data"]["m"]));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[tokio::test]
async fn a_long_call_keeps_its_lock() {
    let config = json!({"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": [
        {"Name": "orders", "Properties": {"LockDuration": "PT1S", "MaxDeliveryCount": 10}}]}]}});
    let app = App::new()
        .host("/functionTimeout", json!("00:00:03"))
        .queue("one", "orders", json!({}));
    std::fs::write(app.path().join("servicebus.json"), config.to_string()).unwrap();
    let mut host = app.start().await;
    host.message("orders", json!({"body": "stay"})).await;
    assert_eq!(host.envelope("one").await["envelope"]["Metadata"]["DeliveryCount"], "1");
    // Three lock durations later the call ends by its time-out; until then nobody else gets the message.
    host.line("Failed").await;
    assert_eq!(host.envelope("one").await["envelope"]["Metadata"]["DeliveryCount"], "2");
}

#[tokio::test]
async fn a_handler_that_is_killed_again_and_again_loses_nothing() {
    const MESSAGES: usize = 300;
    let app = App::new().queue("one", "orders", json!({}));
    let mut host = app.launch(&[]).await;
    let mut pid = host.ready().await;
    let messages: Vec<Value> = (0..MESSAGES)
        .map(|number| json!({"body": "x", "messageId": number.to_string()}))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    // The third end is the third error: the host stops for a second and goes on.
    for part in messages.chunks(MESSAGES / 3) {
        host.message("orders", json!(part)).await;
        seen.insert(
            host.envelope("one").await["envelope"]["Metadata"]["MessageId"]
                .clone()
                .to_string(),
        );
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        pid = host.ready().await;
    }
    while seen.len() < MESSAGES {
        seen.insert(
            host.envelope("one").await["envelope"]["Metadata"]["MessageId"]
                .clone()
                .to_string(),
        );
    }
    assert_eq!(host.counts("orders").await.1, 0);
}

#[tokio::test]
async fn messages_are_shown_purged_and_resubmitted_over_http() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .setting("AzureWebJobs.one.Disabled", "1");
    let host = app.start().await;
    let far = "2126-01-01T00:00:00Z";
    host.message(
        "orders",
        json!([
            {"body": "text", "messageId": "m-1", "subject": "s", "applicationProperties": {"n": 1}},
            {"bodyBase64": "/w==", "messageId": "m-2"},
            {"body": "later", "messageId": "m-3", "scheduledEnqueueTime": far},
        ]),
    )
    .await;
    let active = host.get("/_devhost/servicebus/orders/messages").await.json();
    assert_eq!((&active["state"], &active["total"]), (&json!("active"), &json!(2)));
    let first = &active["messages"][0];
    for (field, value) in [
        ("messageId", json!("m-1")),
        ("body", json!("text")),
        ("bodyBytes", json!(4)),
        ("subject", json!("s")),
        ("applicationProperties", json!({"n": 1})),
        ("deliveryCount", json!(0)),
    ] {
        assert_eq!(first[field], value, "{field}: {first}");
    }
    assert_eq!(active["messages"][1]["bodyBase64"], "/w==");
    let page = host
        .get("/_devhost/servicebus/orders/messages?state=active&skip=1&count=1")
        .await
        .json();
    assert_eq!(page["messages"][0]["messageId"], "m-2");
    let scheduled = host
        .get("/_devhost/servicebus/orders/messages?state=scheduled")
        .await
        .json();
    assert_eq!(scheduled["messages"][0]["scheduledEnqueueTime"], far);

    let delete = |state: &str| {
        let url = host.url(&format!("/_devhost/servicebus/orders/messages{state}"));
        Request::delete(url).body(Full::<Bytes>::default()).unwrap()
    };
    assert_eq!(
        host.send(delete("")).await.status,
        StatusCode::BAD_REQUEST,
        "of what state?"
    );
    assert_eq!(host.send(delete("?state=active")).await.json(), json!({"purged": 2}));
    assert_eq!(host.send(delete("?state=scheduled")).await.json(), json!({"purged": 1}));
    for (path, body, status) in [
        ("orders/resubmit", "{}", StatusCode::BAD_REQUEST),
        (
            "orders/resubmit",
            r#"{"all": true, "sequenceNumbers": [1]}"#,
            StatusCode::BAD_REQUEST,
        ),
        ("orders/resubmit", r#"{"sequenceNumbers": [1]}"#, StatusCode::CONFLICT),
        ("nope/resubmit", r#"{"all": true}"#, StatusCode::NOT_FOUND),
        ("orders/messages", "{}", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = host.post(&format!("/_devhost/servicebus/{path}"), body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_dead_letter_is_resubmitted_over_http() {
    let app = App::new()
        .queue("one", "orders", json!({}))
        .function("sub", json!([{"type": "serviceBusTrigger", "name": "m", "topicName": "events", "subscriptionName": "s", "connection": "SB"}]));
    let mut host = app.start().await;
    for (function, entity, path) in [("one", "orders", "orders"), ("sub", "events", "events/Subscriptions/s")] {
        host.message(entity, json!({"body": "fail", "messageId": "bad"})).await;
        for count in 1..=10 {
            let call = host.envelope(function).await;
            assert_eq!(call["envelope"]["Metadata"]["DeliveryCount"], count.to_string());
        }
        let url = format!("/_devhost/servicebus/{path}");
        let dead = loop {
            let dead = host.get(&format!("{url}/messages?state=deadletter")).await.json();
            // The tenth call has ended; giving its message up takes the host a moment longer.
            if dead["total"] == 1 {
                break dead;
            }
        };
        let dead = &dead["messages"][0];
        assert_eq!(dead["deadLetterReason"], "MaxDeliveryCountExceeded");
        let body = json!({"sequenceNumbers": [dead["sequenceNumber"]]}).to_string();
        let answer = host.post(&format!("{url}/resubmit"), body).await;
        assert_eq!(answer.json()["resubmitted"], 1);
        let call = host.envelope(function).await;
        assert_eq!(call["envelope"]["Metadata"]["DeliveryCount"], "1");
    }
}

fn in_session(session: &str, body: &str) -> Value {
    json!({"body": body, "sessionId": session})
}

#[tokio::test]
async fn sessions_are_called_in_order_and_one_at_a_time() {
    // An output, by a function that comes first, does not make the queue without sessions.
    let app = App::new()
        .host("/extensions/serviceBus", json!({"maxConcurrentSessions": 2}))
        .function(
            "alpha",
            json!([
                {"type": "serviceBusTrigger", "name": "m", "queueName": "other", "connection": "SB"},
                {"type": "serviceBus", "direction": "out", "name": "out", "queueName": "orders", "connection": "SB"}
            ]),
        )
        .queue("one", "orders", json!({"isSessionsEnabled": true}));
    let mut host = app.start().await;
    // The first of a stays for ever: b goes on, the rest of a does not.
    host.message(
        "orders",
        json!([
            in_session("a", "stay"),
            in_session("a", "a2"),
            in_session("b", "b1"),
            in_session("b", "b2"),
            in_session("b", "b3"),
        ]),
    )
    .await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let call = host.envelope("one").await;
        seen.push(
            call["envelope"]["Data"]["m"]
                .as_str()
                .unwrap()
                .trim_matches('"')
                .to_owned(),
        );
        let metadata = &call["envelope"]["Metadata"];
        assert!(metadata["SessionId"].is_string(), "{metadata}");
        assert_eq!(metadata["MessageSession"], json!({}));
        assert_eq!(metadata["SessionActions"], json!({}));
    }
    let of_b: Vec<_> = seen.iter().filter(|body| body.starts_with('b')).collect();
    assert_eq!(of_b, ["b1", "b2", "b3"]);
    assert!(seen.contains(&"stay".to_owned()), "{seen:?}");
    // What has no session is refused; the message behind the one that stays is still there.
    let refused = host.post("/_devhost/servicebus/orders", r#"{"body": "x"}"#).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    let left = loop {
        let left = host.counts("orders").await;
        // The last of b has been called; completing it takes the host a moment longer.
        if left.0 < 3 {
            break left;
        }
    };
    assert_eq!(left, (2, 0));
}

#[tokio::test]
async fn a_failed_message_of_a_session_comes_again_before_the_next() {
    let app = App::new().queue("one", "orders", json!({"isSessionsEnabled": true}));
    let mut host = app.start().await;
    host.message("orders", json!([in_session("a", "fail"), in_session("a", "after")]))
        .await;
    for count in 1..=10 {
        let call = host.envelope("one").await;
        assert_eq!(call["envelope"]["Data"]["m"], "\"fail\"");
        assert_eq!(call["envelope"]["Metadata"]["DeliveryCount"], count.to_string());
    }
    assert_eq!(host.envelope("one").await["envelope"]["Data"]["m"], "\"after\"");
}

#[tokio::test]
async fn a_batch_is_of_one_session() {
    let app = App::new()
        .queue(
            "many",
            "orders",
            json!({"isSessionsEnabled": true, "cardinality": "many", "dataType": "string"}),
        )
        .setting("AzureWebJobs.many.Disabled", "1");
    let mut host = app.start().await;
    host.message(
        "orders",
        json!([in_session("a", "a1"), in_session("b", "b1"), in_session("a", "a2")]),
    )
    .await;
    host.stop().await;
    let app = app.setting("AzureWebJobs.many.Disabled", "0");
    let mut host = app.start().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let call = host.envelope("many").await;
        seen.push(format!(
            "{} {}",
            call["envelope"]["Data"]["m"].as_str().unwrap(),
            call["envelope"]["Metadata"]["SessionIdArray"].as_str().unwrap()
        ));
    }
    seen.sort();
    assert_eq!(seen, [r#"["a1","a2"] ["a","a"]"#, r#"["b1"] ["b"]"#]);
}

#[tokio::test]
async fn a_trigger_and_its_queue_must_agree_about_sessions() {
    let config = json!({"UserConfig": {"Namespaces": [{"Queues": [
        {"Name": "with", "Properties": {"RequiresSession": true}},
        {"Name": "without"},
        {"Name": "on", "Properties": {"ForwardTo": "without"}},
    ]}]}});
    let app = App::new()
        .queue("first", "with", json!({}))
        .queue("second", "without", json!({"isSessionsEnabled": true}))
        .queue("third", "with/$deadletterqueue", json!({"isSessionsEnabled": true}))
        .queue("fourth", "on", json!({}))
        .queue("fifth", "with/$deadletterqueue", json!({}));
    std::fs::write(app.path().join("servicebus.json"), config.to_string()).unwrap();
    let mut host = app.start().await;
    for words in [
        "The 'first' function is in error: 'with' requires sessions",
        "The 'second' function is in error: 'without' has no sessions",
        "The 'third' function is in error: 'with/$deadletterqueue' is a dead-letter queue",
        "The 'fourth' function is in error: 'on' forwards its messages to 'without'",
    ] {
        host.line(words).await;
    }
    assert!(!host.has_seen("The 'fifth' function is in error"));
}

#[tokio::test]
async fn a_subscription_s_rules_decide_what_its_function_gets() {
    let config = json!({"UserConfig": {"Namespaces": [{"Topics": [{"Name": "events", "Subscriptions": [
        {"Name": "red", "Rules": [{"Name": "r", "Properties": {
            "FilterType": "Sql", "SqlFilter": {"SqlExpression": "color = 'red' AND size > 1"},
            "Action": {"SqlExpression": "SET big = size * 10"}}}]},
        {"Name": "rest", "Rules": [{"Name": "r", "Properties": {
            "FilterType": "Correlation", "CorrelationFilter": {"Label": "rest"}}}]},
    ]}]}]}});
    let trigger = |name: &str| json!([{"type": "serviceBusTrigger", "name": "m", "topicName": "events", "subscriptionName": name, "connection": "SB"}]);
    let app = App::new()
        .function("red", trigger("red"))
        .function("rest", trigger("rest"));
    std::fs::write(app.path().join("servicebus.json"), config.to_string()).unwrap();
    let mut host = app.start().await;
    host.message(
        "events",
        json!([
            {"body": "1", "applicationProperties": {"color": "red", "size": 1}},
            {"body": "2", "applicationProperties": {"color": "red", "size": 2}},
            {"body": "3", "subject": "rest"},
        ]),
    )
    .await;
    let red = host.envelope("red").await;
    assert_eq!(red["envelope"]["Data"]["m"], "\"2\"");
    assert_eq!(
        red["envelope"]["Metadata"]["ApplicationProperties"],
        json!({"color": "red", "size": 2, "big": 20, "RuleName": "r"})
    );
    assert_eq!(host.envelope("rest").await["envelope"]["Data"]["m"], "\"3\"");
}
