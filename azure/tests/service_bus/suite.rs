//! What must hold whatever the sender sends to.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inventory_azure::{OutgoingMessage, SendError, ServiceBus};
use serde_json::{Value, json};

/// A broker with a queue `orders`, and `events` to which a topic or a queue belongs.
pub(crate) trait Service: Sized {
    /// Starts it, empty.
    async fn start() -> Self;

    /// A client of its own; no call of it takes longer than `patience`.
    fn client(&self, patience: Duration) -> ServiceBus;

    /// Ends it in the middle of whatever it does.
    async fn stop(&mut self);

    /// Starts it again where it was, with what it had.
    async fn restart(&mut self);

    /// Takes so many messages of `orders`, or of what `events` leads to, in their order; waits for them.
    async fn receive(&self, entity: &str, count: usize) -> Vec<Received>;

    /// How many messages `orders` has taken so far.
    async fn arrived(&self) -> u64;
}

/// A message as it arrived.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) message_id: String,
    pub(crate) session_id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: serde_json::Map<String, Value>,
}

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn message(id: impl Into<String>) -> OutgoingMessage {
    OutgoingMessage {
        message_id: id.into(),
        body: "{}".into(),
        ..OutgoingMessage::default()
    }
}

pub(crate) async fn everything_of_a_message_arrives<S: Service>(service: &mut S) {
    let properties = json!({"text": "ä", "long": 1_099_511_627_776_i64, "half": 0.5, "truth": true, "list": [1, 2]});
    let sent = OutgoingMessage {
        message_id: "m".to_owned(),
        session_id: Some("session".to_owned()),
        subject: Some("subject".to_owned()),
        content_type: "application/json",
        body: r#"{"a":"ä"}"#.into(),
        scheduled_enqueue_time: None,
        application_properties: properties.as_object().unwrap().clone(),
    };
    let client = service.client(PATIENCE);
    assert_eq!(client.send("events", &[sent]).await.unwrap(), [Ok(())]);
    let received = service.receive("events", 1).await.remove(0);
    assert_eq!(received.message_id, "m");
    assert_eq!(received.session_id.as_deref(), Some("session"));
    assert_eq!(received.subject.as_deref(), Some("subject"));
    assert_eq!(received.content_type.as_deref(), Some("application/json"));
    assert_eq!(received.body, r#"{"a":"ä"}"#.as_bytes());
    let expected = json!({"text": "ä", "long": 1_099_511_627_776_i64, "half": 0.5, "truth": true, "list": "[1,2]"});
    assert_eq!(Value::Object(received.properties), expected);
    assert_eq!(client.check().await, Ok(()));
    assert_eq!(client.send("orders", &[]).await.unwrap(), []);
}

/// Messages `SESSION-0`, `SESSION-1`, … of several sessions, as they lie in an outbox: mixed.
fn sessions(names: &[String], numbers: Range<usize>) -> Vec<OutgoingMessage> {
    let of_one = |n: usize| {
        names.iter().map(move |session| OutgoingMessage {
            session_id: Some(session.clone()),
            body: format!(r#"{{"n":{n}}}"#).into_bytes().into(),
            ..message(format!("{session}-{n}"))
        })
    };
    numbers.flat_map(of_one).collect()
}

/// That every session's messages arrived in the order they were made; repetitions do not count.
fn assert_in_order(received: &[Received]) {
    let mut next: HashMap<&str, u64> = HashMap::new();
    let mut seen = HashSet::new();
    for message in received {
        if !seen.insert(&message.message_id) {
            continue;
        }
        let session = message.session_id.as_deref().unwrap();
        let next = next.entry(session).or_default();
        assert_eq!(message.message_id, format!("{session}-{next}"));
        assert_eq!(
            message.body,
            format!(r#"{{"n":{next}}}"#).as_bytes(),
            "the same id, the same bytes"
        );
        *next += 1;
    }
}

pub(crate) async fn sessions_stay_in_order_and_many_senders_share_a_client<S: Service>(service: &mut S) {
    let client = service.client(PATIENCE);
    let senders = (0..8).map(|sender| {
        let client = client.clone();
        let names: Vec<_> = (0..5).map(|n| format!("{sender}/{n}")).collect();
        tokio::spawn(async move {
            let outcomes = client.send("orders", &sessions(&names, 0..10)).await.unwrap();
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let received = service.receive("orders", 400).await;
    assert_in_order(&received);
    let ids: HashSet<_> = received.iter().map(|message| &message.message_id).collect();
    assert_eq!(ids.len(), 400);
}

/// Sends everything until it is accepted, as the outbox does: after a message that has not arrived, nothing later of its
/// session.
async fn relay(client: ServiceBus, mut waiting: Vec<OutgoingMessage>) {
    while !waiting.is_empty() {
        let batch = waiting.len().min(100);
        let outcomes = match client.send("orders", &waiting[..batch]).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                continue;
            }
        };
        assert_eq!(outcomes.len(), batch);
        let mut held: HashSet<Option<&str>> = HashSet::new();
        for (message, outcome) in waiting.iter().zip(&outcomes) {
            let session = message.session_id.as_deref();
            match outcome {
                Ok(()) => assert!(!held.contains(&session), "{} overtook", message.message_id),
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    held.insert(session);
                }
            }
        }
        let mut outcomes = outcomes.into_iter();
        waiting.retain(|_| outcomes.next().is_none_or(|outcome| outcome.is_err()));
    }
}

pub(crate) async fn nothing_is_lost_or_out_of_order_when_the_broker_goes_and_comes<S: Service>(service: &mut S) {
    const SENDERS: usize = 4;
    let client = service.client(PATIENCE);
    let is_enough = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let names: Vec<_> = (0..4).map(|n| format!("{sender}/{n}")).collect();
            let (client, is_enough) = (client.clone(), Arc::clone(&is_enough));
            // Until the broker has gone twice, so that it goes in the middle however slowly messages are counted.
            tokio::spawn(async move {
                let mut sent = 0;
                while !is_enough.load(Ordering::Relaxed) {
                    relay(client.clone(), sessions(&names, sent..sent + 25)).await;
                    sent += 25;
                }
                sent * names.len()
            })
        })
        .collect();
    for round in 1..=2_u64 {
        while service.arrived().await < round * 300 {
            tokio::task::yield_now().await;
        }
        service.stop().await;
        service.restart().await;
    }
    is_enough.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += tokio::time::timeout(Duration::from_mins(2), sender)
            .await
            .unwrap()
            .unwrap();
    }
    let arrived = usize::try_from(service.arrived().await).unwrap();
    let received = service.receive("orders", arrived.max(sent)).await;
    assert_in_order(&received);
    let ids: HashSet<_> = received.iter().map(|message| &message.message_id).collect();
    assert_eq!(ids.len(), sent);
    println!("{} arrived twice", received.len() - ids.len());
}

pub(crate) async fn a_broker_that_is_away_is_a_transient_error_until_it_is_back<S: Service>(service: &mut S) {
    let client = service.client(Duration::from_secs(2));
    assert_eq!(client.send("orders", &[message("a")]).await.unwrap(), [Ok(())]);
    service.stop().await;
    let gone = |result: Result<Vec<Result<(), SendError>>, SendError>| match result {
        Ok(mut outcomes) => outcomes.remove(0).unwrap_err(),
        Err(error) => error,
    };
    let error = gone(client.send("orders", &[message("b")]).await);
    assert!(error.is_transient(), "{error}");
    assert!(client.check().await.unwrap_err().is_transient());
    service.restart().await;
    // What was to be waited for between attempts, and what the broker needs to be there.
    let back = async { while !matches!(client.send("orders", &[message("b")]).await.as_deref(), Ok([Ok(())])) {} };
    tokio::time::timeout(Duration::from_secs(30), back).await.unwrap();
    assert_eq!(client.check().await, Ok(()));
    client.close().await;
    assert_eq!(client.send("orders", &[message("c")]).await.unwrap(), [Ok(())]);
    let ids: HashSet<_> = service
        .receive("orders", 3)
        .await
        .into_iter()
        .map(|m| m.message_id)
        .collect();
    assert!(ids.contains("a"), "{ids:?}");
}
