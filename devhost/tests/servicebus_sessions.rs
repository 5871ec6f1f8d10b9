//! Entities that require sessions: in order, one at a time.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use std::collections::HashMap;
use std::time::Duration;

use devhost::servicebus::{Broker, BrokerError, BrokerMessage, MessageState, QueueOptions};
use servicebus_support::{Scratch, ids, message, open, queue, receive, tokens};

fn options() -> QueueOptions {
    QueueOptions {
        requires_session: true,
        ..QueueOptions::default()
    }
}

fn of(session: &str, id: &str) -> BrokerMessage {
    BrokerMessage {
        session_id: Some(session.to_owned()),
        ..message(id)
    }
}

#[tokio::test]
async fn a_session_is_handled_in_order_by_one_at_a_time() {
    let (broker, _scratch) = queue(options());
    let messages = vec![
        of("a", "a1"),
        of("b", "b1"),
        of("a", "a2"),
        of("a", "a3"),
        of("b", "b2"),
    ];
    broker.send("q", messages).await.unwrap();
    let a = receive(&broker, "q", 1).await;
    let b = receive(&broker, "q", 10).await;
    assert_eq!(
        (ids(&a), ids(&b)),
        (vec!["a1"], vec!["b1", "b2"]),
        "a batch is of one session"
    );
    // Both sessions are busy: who asks waits.
    let mut waiting = Box::pin(broker.receive("q", 10));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert_eq!(broker.counts("q").unwrap().active, 5);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    // What failed comes again before what stood behind it.
    broker.abandon("q", &tokens(&a)).await.unwrap();
    let a = waiting.await.unwrap();
    assert_eq!((ids(&a), a[0].delivery_count), (vec!["a1", "a2", "a3"], 2));
    broker.complete("q", &tokens(&a[..1])).await.unwrap();
    broker.abandon("q", &tokens(&a[1..])).await.unwrap();
    broker.complete("q", &tokens(&b)).await.unwrap();
    assert_eq!(ids(&receive(&broker, "q", 10).await), ["a2", "a3"]);
}

#[tokio::test]
async fn a_message_without_a_session_is_refused() {
    let (broker, _scratch) = queue(options());
    let refused = broker.send("q", vec![of("a", "1"), message("2")]).await;
    assert!(matches!(&refused, Err(BrokerError::Invalid(reason)) if reason.contains("without a session id")));
    assert_eq!(broker.counts("q").unwrap().active, 0);
    let long = of(&"x".repeat(129), "1");
    assert!(matches!(
        broker.send("q", vec![long]).await,
        Err(BrokerError::Invalid(_))
    ));
    // A topic takes it; a subscription with sessions cannot.
    broker.ensure_subscription("t", "s", options()).unwrap();
    broker.send("t", vec![of("a", "1"), message("2")]).await.unwrap();
    assert_eq!(ids(&receive(&broker, "t/Subscriptions/s", 5).await), ["1"]);
    let dead = receive(&broker, "t/Subscriptions/s/$deadletterqueue", 5).await;
    assert_eq!(ids(&dead), ["2"]);
    assert_eq!(dead[0].dead_letter_reason.as_deref(), Some("Session ID is null."));
}

#[tokio::test]
async fn a_lock_that_runs_out_frees_the_session() {
    let (broker, _scratch) = queue(QueueOptions {
        lock_duration: Duration::from_millis(100),
        ..options()
    });
    broker.send("q", vec![of("a", "1"), of("a", "2")]).await.unwrap();
    let lost = receive(&broker, "q", 1).await;
    let again = receive(&broker, "q", 5).await;
    assert_eq!((ids(&again), again[0].delivery_count), (vec!["1", "2"], 2));
    assert!(broker.complete("q", &tokens(&lost)).await.is_err());
}

#[tokio::test]
async fn dead_letters_and_deferred_messages_do_not_hold_up_their_session() {
    let (broker, _scratch) = queue(options());
    let messages = ["1", "2", "3", "4"].map(|id| of("a", id));
    broker.send("q", messages.into()).await.unwrap();
    let got = receive(&broker, "q", 3).await;
    broker.dead_letter("q", &tokens(&got[..1]), "r", "d").await.unwrap();
    broker.defer("q", &tokens(&got[1..2])).await.unwrap();
    broker.complete("q", &tokens(&got[2..])).await.unwrap();
    assert_eq!(ids(&receive(&broker, "q", 5).await), ["4"]);
    let deferred = broker.receive_deferred("q", &[got[1].sequence_number]).await.unwrap();
    assert_eq!(ids(&deferred), ["2"]);
    // Dead letters have no sessions; sent again, they stand at the end of theirs.
    let dead = receive(&broker, "q/$deadletterqueue", 5).await;
    assert_eq!(dead[0].message.session_id.as_deref(), Some("a"));
    broker.abandon("q/$deadletterqueue", &tokens(&dead)).await.unwrap();
    assert_eq!(broker.resubmit_all("q").await.unwrap(), 1);
    assert_eq!(broker.counts("q").unwrap().active, 3);
}

#[tokio::test]
async fn sessions_outlive_the_broker() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    broker.ensure_queue("q", options()).unwrap();
    broker
        .send("q", vec![of("a", "1"), of("b", "2"), of("a", "3")])
        .await
        .unwrap();
    receive(&broker, "q", 1).await;
    drop(broker);
    let broker = open(&scratch);
    assert_eq!(ids(&receive(&broker, "q", 10).await), ["1", "3"]);
    assert_eq!(ids(&receive(&broker, "q", 10).await), ["2"]);
    let peeked = broker.peek("q", MessageState::Active, 0, 10, 0).await.unwrap();
    assert!(peeked.messages.iter().all(|message| message.locked_until.is_some()));
}

/// Many receivers, many sessions, failures now and then: each session in its order, nobody at a session with another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_never_meet_in_a_session() {
    const SESSIONS: usize = 20;
    const EACH: usize = 50;
    let (broker, _scratch) = queue(QueueOptions {
        max_delivery_count: 1_000,
        ..options()
    });
    let messages = (0..SESSIONS * EACH)
        .map(|n| of(&(n % SESSIONS).to_string(), &(n / SESSIONS).to_string()))
        .collect();
    broker.send("q", messages).await.unwrap();
    let done = std::sync::Arc::new(tokio::sync::Mutex::new(HashMap::<String, Vec<usize>>::new()));
    let receivers: Vec<_> = (0..8)
        .map(|receiver| tokio::spawn(work(broker.clone(), receiver, std::sync::Arc::clone(&done))))
        .collect();
    for receiver in receivers {
        receiver.await.unwrap();
    }
    let done = done.lock().await;
    assert_eq!(done.len(), SESSIONS);
    for (session, order) in done.iter() {
        assert_eq!(*order, (0..EACH).collect::<Vec<_>>(), "session {session}");
    }
}

async fn work(broker: Broker, receiver: usize, done: std::sync::Arc<tokio::sync::Mutex<HashMap<String, Vec<usize>>>>) {
    for round in 0.. {
        let got = broker.receive("q", 1 + receiver % 4);
        let counts = async {
            loop {
                if broker.counts("q").unwrap().active == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let got = tokio::select! {
            biased;
            got = got => got.unwrap(),
            () = counts => return,
        };
        if (round + receiver).is_multiple_of(5) {
            broker.abandon("q", &tokens(&got)).await.unwrap();
            continue;
        }
        let session = got[0].message.session_id.clone().unwrap();
        for delivery in &got {
            assert_eq!(delivery.message.session_id.as_ref(), Some(&session));
            let number = delivery.message.message_id.parse().unwrap();
            done.lock().await.entry(session.clone()).or_default().push(number);
        }
        broker.complete("q", &tokens(&got)).await.unwrap();
    }
}
