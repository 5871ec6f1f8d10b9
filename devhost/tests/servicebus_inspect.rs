//! What people do with messages by hand: look at them, delete them, give dead letters another chance.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use std::time::Duration;

use devhost::servicebus::{Broker, BrokerError, BrokerMessage, EntityCounts, MessageState, Peeked, QueueOptions};
use servicebus_support::{Scratch, ids, message, open, queue, receive, tokens};
use time::OffsetDateTime;

async fn peek(broker: &Broker, entity: &str, state: MessageState) -> Peeked {
    broker.peek(entity, state, 0, 100, usize::MAX).await.unwrap()
}

fn peeked_ids(peeked: &Peeked) -> Vec<&str> {
    peeked
        .messages
        .iter()
        .map(|message| message.message.message_id.as_str())
        .collect()
}

fn in_an_hour(id: &str) -> BrokerMessage {
    BrokerMessage {
        scheduled_enqueue_time: Some(OffsetDateTime::now_utc() + Duration::from_hours(1)),
        ..message(id)
    }
}

/// A queue `q` with a message in each state: `held` (locked), `free`, `later`, `aside`, `dead`.
async fn one_of_each() -> (Broker, Scratch) {
    let (broker, scratch) = queue(QueueOptions::default());
    let messages = ["held", "aside", "dead", "free"].map(message);
    broker.send("q", messages.into()).await.unwrap();
    broker.send("q", vec![in_an_hour("later")]).await.unwrap();
    let got = receive(&broker, "q", 3).await;
    broker.defer("q", &[got[1].lock_token]).await.unwrap();
    broker
        .dead_letter("q", &[got[2].lock_token], "bad", "very bad")
        .await
        .unwrap();
    (broker, scratch)
}

#[tokio::test]
async fn messages_are_shown_by_state_and_stay_what_they_are() {
    let (broker, _scratch) = one_of_each().await;
    let before = broker.counts("q").unwrap();
    let active = peek(&broker, "q", MessageState::Active).await;
    assert_eq!((active.total, peeked_ids(&active)), (2, vec!["held", "free"]));
    assert!(active.messages[0].locked_until.unwrap() > OffsetDateTime::now_utc());
    assert_eq!(active.messages[1].locked_until, None);
    let scheduled = peek(&broker, "q", MessageState::Scheduled).await;
    assert_eq!(peeked_ids(&scheduled), ["later"]);
    let at = scheduled.messages[0].message.scheduled_enqueue_time.unwrap();
    assert!(at > OffsetDateTime::now_utc() + Duration::from_mins(50));
    let deferred = peek(&broker, "q", MessageState::Deferred).await;
    assert_eq!(peeked_ids(&deferred), ["aside"]);
    assert_eq!(deferred.messages[0].delivery_count, 1);
    for (entity, state) in [
        ("q", MessageState::DeadLettered),
        ("Q/$DeadLetterQueue", MessageState::Active),
    ] {
        let dead = peek(&broker, entity, state).await;
        assert_eq!(peeked_ids(&dead), ["dead"]);
        assert_eq!(dead.messages[0].dead_letter_reason.as_deref(), Some("bad"));
        assert_eq!(
            dead.messages[0].dead_letter_error_description.as_deref(),
            Some("very bad")
        );
        assert_eq!(dead.messages[0].delivery_count, 1);
    }
    assert_eq!(broker.counts("q").unwrap(), before);
    assert_eq!(ids(&receive(&broker, "q", 5).await), ["free"]);
}

#[tokio::test]
async fn a_page_of_messages_with_the_beginning_of_their_bodies() {
    let (broker, _scratch) = queue(QueueOptions::default());
    let messages = (0..10).map(|n| BrokerMessage {
        body: vec![b'x'; n * 100].into(),
        ..message(&n.to_string())
    });
    broker.send("q", messages.collect()).await.unwrap();
    // Messages 2 and 3 with a receiver: their places do not change.
    let got = receive(&broker, "q", 4).await;
    broker.abandon("q", &tokens(&got[..2])).await.unwrap();
    let page = broker.peek("q", MessageState::Active, 1, 4, 250).await.unwrap();
    assert_eq!((page.total, peeked_ids(&page)), (10, vec!["1", "2", "3", "4"]));
    let bodies: Vec<_> = page
        .messages
        .iter()
        .map(|m| (m.message.body.len(), m.body_bytes))
        .collect();
    assert_eq!(bodies, [(100, 100), (200, 200), (250, 300), (250, 400)]);
    let beyond = broker.peek("q", MessageState::Active, 10, 4, 250).await.unwrap();
    assert_eq!((beyond.total, beyond.messages.len()), (10, 0));
}

#[tokio::test]
async fn purging_deletes_one_state_and_leaves_what_receivers_hold() {
    let (broker, scratch) = one_of_each().await;
    let held = receive_held(&broker).await;
    for (state, purged) in [
        (MessageState::Active, 1),
        (MessageState::Scheduled, 1),
        (MessageState::Deferred, 1),
        (MessageState::DeadLettered, 1),
        (MessageState::DeadLettered, 0),
    ] {
        assert_eq!(broker.purge("q", state).await.unwrap(), purged);
    }
    let left = EntityCounts {
        active: 1,
        ..EntityCounts::default()
    };
    assert_eq!(broker.counts("q").unwrap(), left);
    assert_eq!(held, "held");
    drop(broker);
    assert_eq!(open(&scratch).counts("q").unwrap(), left, "it is so on disk, too");
}

/// Which message a receiver holds.
async fn receive_held(broker: &Broker) -> String {
    let active = peek(broker, "q", MessageState::Active).await;
    let held = active.messages.iter().find(|message| message.locked_until.is_some());
    held.unwrap().message.message_id.clone()
}

#[tokio::test]
async fn a_purge_takes_several_rounds_and_nothing_that_comes_meanwhile() {
    let (broker, _scratch) = queue(QueueOptions::default());
    for _ in 0..3 {
        let messages = (0..1_000).map(|n| message(&n.to_string())).collect();
        broker.send("q", messages).await.unwrap();
    }
    let (purged, sent) = tokio::join!(
        broker.purge("q", MessageState::Active),
        broker.send("q", vec![message("new")])
    );
    sent.unwrap();
    // The new one was before the purge, or it is still there.
    let left = broker.counts("q").unwrap().active;
    assert_eq!(purged.unwrap() as u64 + left, 3_001);
    assert!(left <= 1);
}

#[tokio::test]
async fn dead_letters_get_another_chance() {
    let (broker, scratch) = queue(QueueOptions {
        max_delivery_count: 1,
        requires_duplicate_detection: true,
        ..QueueOptions::default()
    });
    let original = BrokerMessage {
        subject: Some("s".to_owned()),
        ..message("a")
    };
    broker
        .send("q", vec![original.clone(), message("b"), message("c")])
        .await
        .unwrap();
    let got = receive(&broker, "q", 5).await;
    broker.abandon("q", &tokens(&got)).await.unwrap();
    let dead = peek(&broker, "q", MessageState::DeadLettered).await;
    let numbers: Vec<i64> = dead.messages.iter().map(|message| message.sequence_number).collect();
    // One that somebody holds, and one that never was: nothing happens.
    let held = receive(&broker, "q/$deadletterqueue", 1).await;
    assert_eq!(
        broker.resubmit("q", &[numbers[1], numbers[0], 999]).await,
        Err(BrokerError::NoSuchMessage {
            entity: "q/$deadletterqueue".to_owned(),
            sequence_numbers: vec![numbers[0], 999],
        })
    );
    assert_eq!(broker.counts("q").unwrap().dead_lettered, 3);
    broker.abandon("q/$deadletterqueue", &tokens(&held)).await.unwrap();
    let renewed = broker.resubmit("q", &[numbers[0], numbers[0]]).await.unwrap();
    assert_eq!(renewed.len(), 1);
    let again = receive(&broker, "q", 5).await;
    assert_eq!((&again[0].message, again[0].delivery_count), (&original, 1));
    assert_eq!(
        (again[0].sequence_number, &again[0].dead_letter_reason),
        (renewed[0], &None)
    );
    assert_eq!(broker.resubmit_all("q").await.unwrap(), 2);
    assert_eq!(broker.resubmit_all("q/$deadletterqueue").await.unwrap(), 0);
    drop(broker);
    let broker = open(&scratch);
    assert_eq!(ids(&receive(&broker, "q", 5).await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_dead_letter_of_a_subscription_comes_to_no_other() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    for name in ["one", "two"] {
        broker.ensure_subscription("t", name, QueueOptions::default()).unwrap();
    }
    broker.send("t", vec![message("a")]).await.unwrap();
    let got = receive(&broker, "t/Subscriptions/one", 1).await;
    broker
        .dead_letter("t/Subscriptions/one", &tokens(&got), "r", "d")
        .await
        .unwrap();
    assert_eq!(broker.resubmit_all("t/subscriptions/ONE").await.unwrap(), 1);
    assert_eq!(broker.counts("t/Subscriptions/one").unwrap().active, 1);
    assert_eq!(broker.counts("t/Subscriptions/two").unwrap().active, 1);
    let topic = broker.peek("t", MessageState::Active, 0, 1, 0).await;
    assert!(matches!(topic, Err(BrokerError::Invalid(_))));
}

#[tokio::test]
async fn a_deferred_message_is_received_by_its_number() {
    let (broker, scratch) = queue(QueueOptions {
        max_delivery_count: 3,
        ..QueueOptions::default()
    });
    broker.send("q", vec![message("a"), message("b")]).await.unwrap();
    let got = receive(&broker, "q", 1).await;
    broker.defer("q", &tokens(&got)).await.unwrap();
    drop(broker);
    let broker = open(&scratch);
    let number = got[0].sequence_number;
    assert_eq!(ids(&receive(&broker, "q", 5).await), ["b"], "it is passed over");
    let nothing = broker.receive_deferred("q", &[number, 77]).await;
    assert!(matches!(nothing, Err(BrokerError::NoSuchMessage { sequence_numbers, .. }) if sequence_numbers == [77]));
    // Given back, it is still aside, and its deliveries count.
    let deferred = broker.receive_deferred("q", &[number]).await.unwrap();
    assert_eq!((ids(&deferred), deferred[0].delivery_count), (vec!["a"], 2));
    broker.abandon("q", &tokens(&deferred)).await.unwrap();
    assert_eq!(broker.counts("q").unwrap().deferred, 1);
    let deferred = broker.receive_deferred("q", &[number]).await.unwrap();
    broker.abandon("q", &tokens(&deferred)).await.unwrap();
    let dead = receive(&broker, "q/$deadletterqueue", 1).await;
    assert_eq!(dead[0].dead_letter_reason.as_deref(), Some("MaxDeliveryCountExceeded"));
}
