//! The event history against Microsoft's in-memory emulator of Cosmos DB.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "support/cosmos.rs"]
mod cosmos;

use cosmos::{CONTAINER, Cosmos, DATABASE, KEY};
use inventory_azure::{
    EventHistory, EventHistoryOptions, HistoryError, HistoryEvent,
    event_history::{Access, Secret},
};
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};
use uuid::Uuid;

fn history(cosmos: &Cosmos) -> EventHistory {
    EventHistory::new(EventHistoryOptions {
        endpoint: cosmos.endpoint().parse().unwrap(),
        access: Access::Key(Secret::from(KEY)),
        database: DATABASE.to_owned(),
        container: CONTAINER.to_owned(),
        read_timeout: Duration::from_secs(10),
        record_timeout: Duration::from_secs(20),
    })
}

/// An event that can be borrowed from.
struct Sent {
    seq: i64,
    id: Uuid,
    subject: String,
    body: String,
}

impl Sent {
    fn new(seq: i64, subject: &str, event_type: &str, note: &str) -> Self {
        let id = Uuid::now_v7();
        let body = json!({
            "id": id, "source": "/inventory", "specversion": "1.0", "type": event_type, "subject": subject,
            "time": "2026-11-24T08:00:00.000000Z", "datacontenttype": "application/json",
            "data": { "note": note, "quantity": seq },
        });
        Self {
            seq,
            id,
            subject: subject.to_owned(),
            body: body.to_string(),
        }
    }

    fn event(&self) -> HistoryEvent<'_> {
        HistoryEvent {
            seq: self.seq,
            id: self.id,
            subject: &self.subject,
            body: &self.body,
            ttl_seconds: Some(86_400),
        }
    }
}

fn events(sent: &[Sent]) -> Vec<HistoryEvent<'_>> {
    sent.iter().map(Sent::event).collect()
}

async fn record(history: &EventHistory, sent: &[Sent]) {
    let outcomes = history.record(&events(sent)).await.unwrap();
    assert_eq!(outcomes, vec![Ok(()); sent.len()]);
}

async fn read(history: &EventHistory, subject: &str) -> Vec<Value> {
    let found = history.read(subject, None, 0, 1_000).await.unwrap();
    found
        .iter()
        .map(|event| serde_json::from_str(event.get()).unwrap())
        .collect()
}

fn bodies(sent: &[Sent], subject: &str) -> Vec<Value> {
    sent.iter()
        .filter(|sent| sent.subject == subject)
        .map(|sent| serde_json::from_str(&sent.body).unwrap())
        .collect()
}

/// Events of several subjects, mixed.
fn mixed() -> Vec<Sent> {
    let subjects = [
        "orders/a",
        "inventory/1",
        "orders/a",
        "orders/b",
        "inventory/1",
        "inventory/1",
    ];
    let types = ["inventory.order.placed", "inventory.stock.adjusted"];
    subjects
        .iter()
        .enumerate()
        .map(|(at, subject)| Sent::new(at as i64 + 1, subject, types[at % 2], "é ✓ \"x\""))
        .collect()
}

#[tokio::test]
async fn what_is_written_is_read_back_by_partition_in_order() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    let sent = mixed();
    record(&history, &sent).await;
    for subject in ["orders/a", "orders/b", "inventory/1"] {
        assert_eq!(read(&history, subject).await, bodies(&sent, subject), "{subject}");
    }
    assert_eq!(read(&history, "orders/c").await, Vec::<Value>::new());
    assert_eq!(read(&history, "orders/a' OR true OR c.x='").await, Vec::<Value>::new());
}

#[tokio::test]
async fn pages_and_types() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    let types = ["inventory.stock.adjusted", "inventory.stock.low"];
    let sent: Vec<_> = (0..25)
        .map(|seq| Sent::new(seq, "inventory/7", types[seq as usize % 2], ""))
        .collect();
    record(&history, &sent).await;
    let quantities = |events: Vec<Box<serde_json::value::RawValue>>| -> Vec<i64> {
        let value = |event: &serde_json::value::RawValue| serde_json::from_str::<Value>(event.get()).unwrap();
        events
            .iter()
            .map(|event| value(event)["data"]["quantity"].as_i64().unwrap())
            .collect()
    };
    let page = history.read("inventory/7", None, 10, 5).await.unwrap();
    assert_eq!(quantities(page), [10, 11, 12, 13, 14]);
    let low = history
        .read("inventory/7", Some("inventory.stock.low"), 1, 3)
        .await
        .unwrap();
    assert_eq!(quantities(low), [3, 5, 7]);
    let none = history.read("inventory/7", None, 25, 5).await.unwrap();
    assert_eq!(quantities(none), Vec::<i64>::new());
}

#[tokio::test]
async fn an_event_that_comes_again_changes_nothing() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    let sent = mixed();
    record(&history, &sent).await;
    record(&history, &sent).await;
    record(&history, &sent[2..4]).await;
    for subject in ["orders/a", "orders/b", "inventory/1"] {
        assert_eq!(read(&history, subject).await, bodies(&sent, subject), "{subject}");
    }
}

#[tokio::test]
async fn many_events_of_one_subject_are_written_in_few_requests() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    let sent: Vec<_> = (0..250)
        .map(|seq| Sent::new(seq, "inventory/1", "inventory.stock.adjusted", ""))
        .collect();
    record(&history, &sent).await;
    assert_eq!(read(&history, "inventory/1").await, bodies(&sent, "inventory/1"));
    let written: Vec<_> = cosmos
        .written()
        .iter()
        .map(|document| document["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(written, (0..250).collect::<Vec<_>>(), "in their order");
}

#[tokio::test]
async fn each_item_says_when_it_ends() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    let (kept, short) = (
        Sent::new(1, "orders/a", "inventory.order.placed", ""),
        Sent::new(2, "orders/a", "inventory.stock.low", ""),
    );
    let for_ever = HistoryEvent {
        ttl_seconds: None,
        ..kept.event()
    };
    let outcomes = history.record(&[for_ever, short.event()]).await.unwrap();
    assert_eq!(outcomes, [Ok(()), Ok(())]);
    let ends: Vec<_> = cosmos
        .written()
        .iter()
        .map(|document| document["ttl"].clone())
        .collect();
    assert_eq!(ends, [json!(-1), json!(86_400)]);
    // Which needs a container that heeds it.
    assert_eq!(history.check().await, Ok(()));
    cosmos.behaviour.is_ttl_on.store(false, Ordering::SeqCst);
    assert_eq!(history.check().await, Err(HistoryError::TimeToLiveOff));
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    assert_eq!(history.check().await, Ok(()));
    cosmos.behaviour.throttled.store(3, Ordering::SeqCst);
    cosmos.behaviour.retry_after_ms.store(150, Ordering::SeqCst);
    let started = std::time::Instant::now();
    let sent = [Sent::new(1, "orders/a", "inventory.order.placed", "")];
    record(&history, &sent).await;
    assert_eq!(cosmos.behaviour.throttles_seen.load(Ordering::SeqCst), 3);
    assert!(
        started.elapsed() >= Duration::from_millis(3 * 150),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_container_that_is_overloaded_loses_nothing() {
    // The least that can be bought; each write costs about six of them, so that these take longer than a second.
    let cosmos = Cosmos::start(Some(400)).await;
    let history = history(&cosmos);
    let sent: Vec<_> = (0..120)
        .map(|seq| Sent::new(seq, &format!("orders/{seq}"), "inventory.order.placed", ""))
        .collect();
    let mut rest: Vec<usize> = (0..sent.len()).collect();
    while !rest.is_empty() {
        let batch: Vec<_> = rest.iter().map(|at| sent[*at].event()).collect();
        let outcomes = history.record(&batch).await.unwrap();
        let mut waiting = Vec::new();
        for (at, outcome) in rest.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => {}
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    waiting.push(at);
                }
            }
        }
        rest = waiting;
    }
    assert!(cosmos.behaviour.throttles_seen.load(Ordering::SeqCst) > 0);
    for sent in &sent {
        assert_eq!(read(&history, &sent.subject).await.len(), 1);
    }
}

#[tokio::test]
async fn a_bad_event_keeps_no_other_back() {
    let cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    *cosmos.behaviour.poison.lock().unwrap() = Some("POISON".to_owned());
    let mut sent: Vec<_> = (0..4)
        .map(|seq| Sent::new(seq, "orders/a", "inventory.order.placed", ""))
        .collect();
    sent[1] = Sent::new(1, "orders/a", "inventory.order.placed", "POISON");
    sent.push(Sent::new(5, "orders/b", "inventory.order.placed", ""));
    let outcomes = history.record(&events(&sent)).await.unwrap();
    assert!(
        matches!(&outcomes[1], Err(error) if !error.is_transient()),
        "{outcomes:?}"
    );
    let good: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, true, true]);
    assert_eq!(read(&history, "orders/a").await.len(), 3);
}

#[tokio::test]
async fn an_account_that_goes_away_comes_back() {
    let mut cosmos = Cosmos::start(None).await;
    let history = history(&cosmos);
    let sent = mixed();
    cosmos.stop().await;
    let error = history.record(&events(&sent)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!format!("{error}{error:?}{history:?}").contains(KEY));
    cosmos.restart().await;
    record(&history, &sent).await;
    cosmos.stop().await;
    assert!(history.read("orders/a", None, 0, 10).await.unwrap_err().is_transient());
    for outcome in history.record(&events(&sent)).await.unwrap() {
        assert!(outcome.unwrap_err().is_transient());
    }
    cosmos.restart().await;
    record(&history, &sent).await;
    assert_eq!(read(&history, "inventory/1").await, bodies(&sent, "inventory/1"));
}

#[tokio::test]
async fn an_account_that_does_not_answer_is_given_up() {
    let cosmos = Cosmos::start(None).await;
    let history = EventHistory::new(EventHistoryOptions {
        endpoint: cosmos.endpoint().parse().unwrap(),
        access: Access::Key(Secret::from(KEY)),
        database: DATABASE.to_owned(),
        container: CONTAINER.to_owned(),
        read_timeout: Duration::from_secs(2),
        record_timeout: Duration::from_secs(2),
    });
    let sent = mixed();
    record(&history, &sent).await;
    cosmos.behaviour.hangs.store(true, Ordering::SeqCst);
    let outcomes = history.record(&events(&sent)).await.unwrap();
    assert_eq!(outcomes, vec![Err(HistoryError::TimedOut); sent.len()]);
    assert_eq!(history.check().await, Err(HistoryError::TimedOut));
}
