//! Messages and dead letters that go on to another entity.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use std::time::Duration;

use devhost::servicebus::{Broker, BrokerError, BrokerMessage, QueueOptions};
use servicebus_support::{Scratch, ids, message, open, receive, tokens};
use time::OffsetDateTime;

fn to(target: &str) -> QueueOptions {
    QueueOptions {
        forward_to: Some(target.to_owned()),
        ..QueueOptions::default()
    }
}

fn dead_to(target: &str) -> QueueOptions {
    QueueOptions {
        forward_dead_letters_to: Some(target.to_owned()),
        max_delivery_count: 1,
        ..QueueOptions::default()
    }
}

fn broker(queues: &[(&str, QueueOptions)]) -> (Broker, Scratch) {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    for (name, options) in queues {
        broker.ensure_queue(name, options.clone()).unwrap();
    }
    (broker, scratch)
}

#[tokio::test]
async fn messages_go_on_also_through_topics_and_when_their_time_has_come() {
    let (broker, _scratch) = broker(&[("in", to("T")), ("end", QueueOptions::default())]);
    broker.ensure_subscription("t", "on", to("end")).unwrap();
    broker
        .ensure_subscription("t", "here", QueueOptions::default())
        .unwrap();
    let soon = BrokerMessage {
        scheduled_enqueue_time: Some(OffsetDateTime::now_utc() + Duration::from_millis(200)),
        ..message("soon")
    };
    broker.send("in", vec![message("a"), soon]).await.unwrap();
    assert_eq!(broker.counts("in").unwrap().scheduled, 1);
    assert_eq!(ids(&receive(&broker, "end", 5).await), ["a"]);
    assert_eq!(ids(&receive(&broker, "end", 5).await), ["soon"]);
    assert_eq!(ids(&receive(&broker, "t/Subscriptions/here", 5).await), ["a", "soon"]);
    assert_eq!(broker.counts("in").unwrap().active, 0);
    let refused = broker.receive("in", 1).await;
    assert!(matches!(&refused, Err(BrokerError::Invalid(reason)) if reason.contains("forwards its messages to 'T'")));
}

#[tokio::test]
async fn a_fifth_hop_is_a_dead_letter() {
    let (broker, _scratch) = broker(&[
        ("a", to("b")),
        ("b", to("c")),
        ("c", to("d")),
        ("d", to("e")),
        ("e", to("a")),
    ]);
    broker.send("a", vec![message("1")]).await.unwrap();
    let dead = receive(&broker, "e/$deadletterqueue", 5).await;
    assert_eq!(ids(&dead), ["1"]);
    assert_eq!(
        dead[0].dead_letter_reason.as_deref(),
        Some("MaxTransferHopCountExceeded")
    );
}

#[tokio::test]
async fn what_cannot_go_on_is_a_dead_letter_where_it_is() {
    let sessions = QueueOptions {
        requires_session: true,
        ..QueueOptions::default()
    };
    let (broker, _scratch) = broker(&[("lost", to("nowhere")), ("in", to("sessions")), ("sessions", sessions)]);
    broker.send("lost", vec![message("1")]).await.unwrap();
    let dead = receive(&broker, "lost/$deadletterqueue", 5).await;
    assert_eq!(
        dead[0].dead_letter_reason.as_deref(),
        Some("MessagingEntityNotFoundException")
    );
    let with_session = BrokerMessage {
        session_id: Some("s".to_owned()),
        ..message("2")
    };
    broker.send("in", vec![message("1"), with_session]).await.unwrap();
    let dead = receive(&broker, "in/$deadletterqueue", 5).await;
    assert_eq!(ids(&dead), ["1"]);
    assert_eq!(dead[0].dead_letter_reason.as_deref(), Some("Session ID is null."));
    assert_eq!(ids(&receive(&broker, "sessions", 5).await), ["2"]);
}

#[tokio::test]
async fn the_target_s_duplicate_detection_counts() {
    let unique = QueueOptions {
        requires_duplicate_detection: true,
        ..QueueOptions::default()
    };
    let (broker, _scratch) = broker(&[("a", to("end")), ("b", to("end")), ("end", unique)]);
    broker.send("a", vec![message("1"), message("1")]).await.unwrap();
    broker.send("b", vec![message("1"), message("2")]).await.unwrap();
    assert_eq!(ids(&receive(&broker, "end", 5).await), ["1", "2"]);
}

#[tokio::test]
async fn dead_letters_go_on_with_their_reasons() {
    let expiring = QueueOptions {
        default_time_to_live: Some(Duration::from_millis(1)),
        dead_lettering_on_expiration: true,
        ..dead_to("graveyard")
    };
    let (broker, scratch) = broker(&[
        ("q", dead_to("graveyard")),
        ("x", expiring),
        ("graveyard", QueueOptions::default()),
    ]);
    broker
        .send("q", vec![message("poison"), message("refused")])
        .await
        .unwrap();
    let got = receive(&broker, "q", 5).await;
    broker.abandon("q", &tokens(&got[..1])).await.unwrap();
    broker
        .dead_letter("q", &tokens(&got[1..]), "bad", "very bad")
        .await
        .unwrap();
    broker.send("x", vec![message("late")]).await.unwrap();
    let mut dead = receive(&broker, "graveyard", 5).await;
    while dead.len() < 3 {
        dead.extend(receive(&broker, "graveyard", 5).await);
    }
    let told: Vec<_> = dead
        .iter()
        .map(|dead| {
            (
                dead.message.message_id.as_str(),
                dead.dead_letter_source.as_deref().unwrap(),
                dead.dead_letter_reason.as_deref().unwrap(),
                dead.delivery_count,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("poison", "q", "MaxDeliveryCountExceeded", 1),
            ("refused", "q", "bad", 1),
            ("late", "x", "TTLExpiredException", 1),
        ]
    );
    assert_eq!(
        dead[1].message.application_properties["DeadLetterErrorDescription"],
        "very bad"
    );
    for queue in ["q", "x"] {
        assert_eq!(
            broker.counts(queue).unwrap(),
            devhost::servicebus::EntityCounts::default()
        );
    }
    drop(broker);
    let broker = open(&scratch);
    let again = receive(&broker, "graveyard", 1).await;
    assert_eq!(
        again[0].dead_letter_source.as_deref(),
        Some("q"),
        "it is so on disk, too"
    );
}

#[tokio::test]
async fn dead_letters_do_not_go_in_circles_for_ever() {
    let (broker, _scratch) = broker(&[("a", dead_to("b")), ("b", dead_to("a"))]);
    broker.send("a", vec![message("1")]).await.unwrap();
    for queue in ["a", "b", "a", "b", "a"] {
        let got = receive(&broker, queue, 1).await;
        broker.abandon(queue, &tokens(&got)).await.unwrap();
    }
    let dead = receive(&broker, "a/$deadletterqueue", 1).await;
    assert_eq!(ids(&dead), ["1"]);
    assert_eq!(dead[0].dead_letter_reason.as_deref(), Some("MaxDeliveryCountExceeded"));
}
