//! The broker's semantics: order, locks, delivery counts, expiry, schedules, duplicates, topics, durability.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use devhost::servicebus::{Broker, BrokerError, BrokerMessage, Entities, EntityCounts, QueueOptions};
use servicebus_support::{Scratch, ids, message, open, queue, receive, tokens};
use time::OffsetDateTime;
use uuid::Uuid;

fn counts(active: u64, scheduled: u64, dead_lettered: u64) -> EntityCounts {
    EntityCounts {
        active,
        scheduled,
        dead_lettered,
        ..EntityCounts::default()
    }
}

#[tokio::test]
async fn messages_come_in_order_and_go_when_completed() {
    let (broker, _scratch) = queue(QueueOptions::default());
    let sequences = broker
        .send("Q", vec![message("a"), message("b"), message("c")])
        .await
        .unwrap();
    assert_eq!(sequences, [1, 2, 3]);
    let first = receive(&broker, "q", 2).await;
    assert_eq!(ids(&first), ["a", "b"]);
    assert_eq!((first[0].sequence_number, first[0].delivery_count), (1, 1));
    assert_eq!(first[0].expires_at.year(), 9999);
    assert_eq!(ids(&receive(&broker, "q", 10).await), ["c"]);
    assert_eq!(broker.counts("q").unwrap(), counts(3, 0, 0));
    broker.complete("q", &tokens(&first)).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(1, 0, 0));
    let again = broker.complete("q", &[first[0].lock_token, Uuid::new_v4()]).await;
    assert_eq!(again, Err(BrokerError::LockLost { lost: 2, asked: 2 }));
}

/// So do the functions of the host and receivers by AMQP.
#[tokio::test]
async fn receivers_take_turns() {
    use futures_util::FutureExt as _;
    let (broker, _scratch) = queue(QueueOptions::default());
    // Polled once, each stands in line.
    let wait = || {
        let mut waiting = Box::pin(broker.receive("q", 1));
        assert!((&mut waiting).now_or_never().is_none());
        waiting
    };
    let (mut next, mut after) = (wait(), wait());
    for id in ["1", "2", "3", "4"] {
        broker.send("q", vec![message(id)]).await.unwrap();
        let got = tokio::time::timeout(Duration::from_secs(30), next)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(ids(&got), [id]);
        assert!((&mut after).now_or_never().is_none(), "one message is for one");
        (next, after) = (after, wait());
    }
}

#[tokio::test]
async fn a_receiver_waits_for_a_message() {
    let (broker, _scratch) = queue(QueueOptions::default());
    let waiting = tokio::spawn({
        let broker = broker.clone();
        async move { receive(&broker, "q", 5).await }
    });
    tokio::task::yield_now().await;
    broker.send("q", vec![message("a")]).await.unwrap();
    assert_eq!(ids(&waiting.await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_receiver_that_is_dropped_locks_nothing() {
    let (broker, _scratch) = queue(QueueOptions::default());
    for round in 0..200_u32 {
        // Dropped while waiting, or with the messages on their way, as it comes.
        let receive_some = broker.receive("q", 10);
        let send = async {
            broker.send("q", vec![message(&round.to_string())]).await.unwrap();
            for _ in 0..round % 8 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = send => {}
            got = receive_some => broker.abandon("q", &tokens(&got.unwrap())).await.unwrap(),
        }
        let all = receive(&broker, "q", 10).await;
        assert_eq!(ids(&all), [round.to_string()]);
        broker.complete("q", &tokens(&all)).await.unwrap();
    }
    // A receive that is never polled again after the engine has answered it.
    let mut dropped = Box::pin(broker.receive("q", 10));
    assert!(futures_util::poll!(&mut dropped).is_pending());
    broker.send("q", vec![message("last")]).await.unwrap();
    // The engine works in the order it is asked: when this is answered too, the first message is in the channel.
    broker.send("q", vec![message("more")]).await.unwrap();
    drop(dropped);
    let all = receive(&broker, "q", 10).await;
    assert_eq!(ids(&all), ["last", "more"]);
    assert_eq!(all[0].delivery_count, 1);
}

#[tokio::test]
async fn abandoned_messages_come_back_at_once_until_they_are_dead() {
    let (broker, _scratch) = queue(QueueOptions {
        max_delivery_count: 3,
        ..QueueOptions::default()
    });
    broker
        .send("q", vec![message("poison"), message("good")])
        .await
        .unwrap();
    for count in 1..=3 {
        let got = receive(&broker, "q", 1).await;
        assert_eq!((ids(&got), got[0].delivery_count), (vec!["poison"], count));
        broker.abandon("q", &tokens(&got)).await.unwrap();
    }
    assert_eq!(ids(&receive(&broker, "q", 5).await), ["good"]);
    assert_eq!(broker.counts("q").unwrap(), counts(1, 0, 1));
    let dead = receive(&broker, "q/$DeadLetterQueue", 5).await.remove(0);
    assert_eq!(dead.message.message_id, "poison");
    assert_eq!(dead.dead_letter_reason.as_deref(), Some("MaxDeliveryCountExceeded"));
    assert!(
        dead.dead_letter_error_description
            .unwrap()
            .contains("3 delivery attempts")
    );
    assert_eq!(
        dead.message.application_properties["DeadLetterReason"],
        "MaxDeliveryCountExceeded"
    );
    // Beyond the maximum: there is nowhere else to go from here.
    broker.abandon("q/$deadletterqueue", &[dead.lock_token]).await.unwrap();
    let dead = receive(&broker, "q/$deadletterqueue", 5).await;
    broker.complete("q/$deadletterqueue", &tokens(&dead)).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(1, 0, 0));
}

#[tokio::test]
async fn dead_letters_carry_their_reason() {
    let (broker, _scratch) = queue(QueueOptions::default());
    broker.send("q", vec![message("a")]).await.unwrap();
    let got = receive(&broker, "q", 1).await;
    broker.dead_letter("q", &tokens(&got), "bad", "very bad").await.unwrap();
    let dead = receive(&broker, "q/$deadletterqueue", 1).await;
    assert_eq!(dead[0].dead_letter_reason.as_deref(), Some("bad"));
    assert_eq!(dead[0].dead_letter_error_description.as_deref(), Some("very bad"));
    let twice = broker.dead_letter("q/$deadletterqueue", &tokens(&dead), "x", "y").await;
    assert!(matches!(twice, Err(BrokerError::Invalid(_))));
}

#[tokio::test]
async fn locks_run_out_unless_renewed() {
    let lock_duration = Duration::from_millis(300);
    let (broker, _scratch) = queue(QueueOptions {
        lock_duration,
        ..QueueOptions::default()
    });
    broker.send("q", vec![message("a"), message("b")]).await.unwrap();
    let got = receive(&broker, "q", 2).await;
    let start = Instant::now();
    let renewed = async {
        while start.elapsed() < Duration::from_millis(600) {
            broker.renew("q", &[got[1].lock_token]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (again, ()) = tokio::join!(receive(&broker, "q", 2), renewed);
    assert_eq!((ids(&again), again[0].delivery_count), (vec!["a"], 2));
    assert!(start.elapsed() >= lock_duration);
    let late = broker.complete("q", &[got[0].lock_token]).await;
    assert_eq!(late, Err(BrokerError::LockLost { lost: 1, asked: 1 }));
    broker.complete("q", &[got[1].lock_token]).await.unwrap();
}

#[tokio::test]
async fn messages_expire() {
    let millis = Duration::from_millis;
    let options = QueueOptions {
        default_time_to_live: Some(millis(200)),
        ..QueueOptions::default()
    };
    let (broker, _scratch) = queue(options.clone());
    broker
        .ensure_queue(
            "kept",
            QueueOptions {
                dead_lettering_on_expiration: true,
                ..options
            },
        )
        .unwrap();
    let long = BrokerMessage {
        time_to_live: Some(Duration::from_mins(1)),
        ..message("long")
    };
    let short = BrokerMessage {
        time_to_live: Some(millis(1)),
        ..message("short")
    };
    broker.send("q", vec![short.clone(), long]).await.unwrap();
    broker.send("kept", vec![short]).await.unwrap();
    let dead = receive(&broker, "kept/$deadletterqueue", 1).await;
    assert_eq!(dead[0].dead_letter_reason.as_deref(), Some("TTLExpiredException"));
    let got = receive(&broker, "q", 5).await;
    assert_eq!(ids(&got), ["long"]);
    // The entity's limit, not the longer one that the sender asked for.
    assert!(got[0].expires_at - got[0].enqueued_time <= millis(200));
    // A locked message does not expire, and can be completed.
    tokio::time::sleep(millis(250)).await;
    broker.complete("q", &tokens(&got)).await.unwrap();
}

#[tokio::test]
async fn scheduled_messages_wait_for_their_time() {
    let (broker, _scratch) = queue(QueueOptions::default());
    let at = OffsetDateTime::now_utc() + Duration::from_millis(300);
    let scheduled = BrokerMessage {
        scheduled_enqueue_time: Some(at),
        ..message("later")
    };
    let far = BrokerMessage {
        scheduled_enqueue_time: Some(at + Duration::from_hours(1)),
        ..message("far")
    };
    let sequences = broker.send("q", vec![scheduled, far]).await.unwrap();
    broker.send("q", vec![message("now")]).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(1, 2, 0));
    assert_eq!(ids(&receive(&broker, "q", 5).await), ["now"]);
    let later = receive(&broker, "q", 5).await;
    assert_eq!(ids(&later), ["later"]);
    assert!(OffsetDateTime::now_utc() >= at && later[0].enqueued_time >= at);
    assert_eq!(
        broker.cancel_scheduled("q", &sequences).await,
        Err(BrokerError::NoSuchMessage {
            entity: "q".to_owned(),
            sequence_numbers: vec![sequences[0]],
        })
    );
    broker.cancel_scheduled("q", &sequences[1..]).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(2, 0, 0));
}

#[tokio::test]
async fn duplicates_are_accepted_and_dropped() {
    let options = QueueOptions {
        requires_duplicate_detection: true,
        duplicate_detection_history: Duration::from_millis(200),
        ..QueueOptions::default()
    };
    let (broker, _scratch) = queue(options);
    let sequences = broker
        .send("q", vec![message("a"), message("a"), message("b")])
        .await
        .unwrap();
    assert_eq!(sequences[0], sequences[1]);
    let got = receive(&broker, "q", 5).await;
    assert_eq!(ids(&got), ["a", "b"]);
    broker.complete("q", &tokens(&got)).await.unwrap();
    // Also when the first one has gone, but not for ever.
    broker.send("q", vec![message("a")]).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(0, 0, 0));
    tokio::time::sleep(Duration::from_millis(250)).await;
    broker.send("q", vec![message("a")]).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(1, 0, 0));
    // Messages without an id are never duplicates.
    broker.send("q", vec![message(""), message("")]).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(3, 0, 0));
}

#[tokio::test]
async fn topics_copy_to_each_subscription() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    broker.ensure_topic("t", QueueOptions::default()).unwrap();
    broker.send("t", vec![message("nobody")]).await.unwrap();
    assert_eq!(broker.counts("t").unwrap(), counts(0, 0, 0));
    broker.ensure_subscription("t", "one", QueueOptions::default()).unwrap();
    broker.ensure_subscription("T", "two", QueueOptions::default()).unwrap();
    assert_eq!(broker.entities(), ["t", "t/Subscriptions/one", "t/Subscriptions/two"]);
    let at = OffsetDateTime::now_utc() + Duration::from_millis(500);
    broker.send("t", vec![message("a")]).await.unwrap();
    let later = BrokerMessage {
        scheduled_enqueue_time: Some(at),
        ..message("b")
    };
    broker.send("t", vec![later]).await.unwrap();
    assert_eq!(broker.counts("t").unwrap(), counts(2, 1, 0));
    for subscription in ["t/subscriptions/one", "t/Subscriptions/TWO"] {
        let got = receive(&broker, subscription, 5).await;
        assert_eq!(ids(&got), ["a"]);
        broker.complete(subscription, &tokens(&got)).await.unwrap();
    }
    for subscription in ["T/subscriptions/one", "t/Subscriptions/two"] {
        assert_eq!(ids(&receive(&broker, subscription, 5).await), ["b"]);
    }
    assert!(matches!(broker.receive("t", 1).await, Err(BrokerError::Invalid(_))));
    assert!(matches!(
        broker.send("t/subscriptions/one", vec![]).await,
        Err(BrokerError::Invalid(_))
    ));
    assert!(matches!(
        broker.ensure_queue("T", QueueOptions::default()),
        Err(BrokerError::Invalid(_))
    ));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let (broker, _scratch) = queue(QueueOptions {
        max_message_bytes: 100,
        ..QueueOptions::default()
    });
    assert_eq!(
        broker.send("nope", vec![message("a")]).await,
        Err(BrokerError::NotFound("nope".to_owned()))
    );
    assert!(matches!(
        broker.receive("nope/$deadletterqueue", 1).await,
        Err(BrokerError::NotFound(_))
    ));
    assert!(matches!(
        broker.counts("q/subscriptions/x"),
        Err(BrokerError::NotFound(_))
    ));
    assert!(matches!(
        broker.ensure_queue("a b", QueueOptions::default()),
        Err(BrokerError::Invalid(_))
    ));
    let large = BrokerMessage {
        body: vec![0; 101].into(),
        ..message("large")
    };
    let refused = broker.send("q", vec![message("a"), large]).await;
    assert!(matches!(refused, Err(BrokerError::TooLarge { limit: 100, .. })));
    assert!(matches!(
        broker.send("q", vec![message(&"x".repeat(129))]).await,
        Err(BrokerError::Invalid(_))
    ));
    assert_eq!(broker.counts("q").unwrap(), counts(0, 0, 0));
}

#[tokio::test]
async fn what_was_acknowledged_outlives_the_broker() {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    broker
        .ensure_queue(
            "q",
            QueueOptions {
                requires_duplicate_detection: true,
                ..QueueOptions::default()
            },
        )
        .unwrap();
    let mut rich = message("rich");
    rich.session_id = Some("s".to_owned());
    rich.application_properties.insert("n".to_owned(), 7.into());
    rich.time_to_live = Some(Duration::from_mins(1));
    let far = OffsetDateTime::now_utc() + Duration::from_hours(1);
    let scheduled = BrokerMessage {
        scheduled_enqueue_time: Some(far),
        ..message("later")
    };
    broker
        .send("q", vec![message("done"), message("again"), rich.clone(), scheduled])
        .await
        .unwrap();
    let got = receive(&broker, "q", 2).await;
    broker.complete("q", &[got[0].lock_token]).await.unwrap();
    broker.abandon("q", &[got[1].lock_token]).await.unwrap();
    let locked = receive(&broker, "q", 5).await;
    assert_eq!(locked.len(), 2);
    drop(broker);

    let broker = open(&scratch);
    assert_eq!(broker.counts("q").unwrap(), counts(2, 1, 0));
    let got = receive(&broker, "q", 5).await;
    assert_eq!(ids(&got), ["again", "rich"]);
    assert_eq!(got[0].delivery_count, 2);
    assert_eq!(got[1].message, rich);
    broker.send("q", vec![message("done")]).await.unwrap();
    assert_eq!(
        broker.counts("q").unwrap(),
        counts(2, 1, 0),
        "duplicates are still known"
    );
    let late = broker.complete("q", &tokens(&locked)).await;
    assert_eq!(late, Err(BrokerError::LockLost { lost: 2, asked: 2 }));
    let next = broker.send("q", vec![message("next")]).await.unwrap();
    assert!(next[0] > got[1].sequence_number);
}

#[tokio::test]
async fn the_configuration_rules_options_and_keeps_messages() {
    let scratch = Scratch::new();
    let config = scratch.file().with_extension("json");
    let write = |max: u32| {
        let text = format!(
            r#"{{"UserConfig": {{"Namespaces": [{{"Queues": [{{"Name": "q", "Properties": {{"MaxDeliveryCount": {max}}}}}]}}]}}}}"#
        );
        std::fs::write(&config, text).unwrap();
        Entities::from_file(&config).unwrap()
    };
    let broker = Broker::open(&scratch.file(), write(9)).unwrap();
    broker
        .ensure_queue(
            "q",
            QueueOptions {
                max_delivery_count: 5,
                ..QueueOptions::default()
            },
        )
        .unwrap();
    broker.send("q", vec![message("a")]).await.unwrap();
    drop(broker);
    let broker = Broker::open(&scratch.file(), write(1)).unwrap();
    let got = receive(&broker, "q", 1).await;
    broker.abandon("q", &tokens(&got)).await.unwrap();
    assert_eq!(broker.counts("q").unwrap(), counts(0, 0, 1));
    let error = Entities::from_file(Path::new("does/not/exist.json"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("exist.json"), "{error}");
}

#[test]
fn the_repository_s_own_configuration_is_good() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("servicebus.json");
    let scratch = Scratch::new();
    let broker = Broker::open(&scratch.file(), Entities::from_file(&path).unwrap()).unwrap();
    assert_eq!(
        broker.entities(),
        ["inventory-events", "inventory-events/Subscriptions/all", "orders"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_and_receivers_share_their_commits() {
    let (broker, _scratch) = queue(QueueOptions::default());
    let start = Instant::now();
    let senders: Vec<_> = (0..64)
        .map(|sender| {
            let broker = broker.clone();
            tokio::spawn(async move {
                for n in 0..250 {
                    broker.send("q", vec![message(&format!("{sender}-{n}"))]).await.unwrap();
                }
            })
        })
        .collect();
    let mut seen = std::collections::HashSet::new();
    while seen.len() < 16_000 {
        let got = receive(&broker, "q", 500).await;
        seen.extend(got.iter().map(|delivery| delivery.message.message_id.clone()));
        broker.complete("q", &tokens(&got)).await.unwrap();
    }
    for sender in senders {
        sender.await.unwrap();
    }
    println!(
        "{:.0} messages/s sent one by one, received and completed",
        16_000.0 / start.elapsed().as_secs_f64()
    );
    assert_eq!(broker.counts("q").unwrap(), counts(0, 0, 0));
}

/// Set for the child process of the test below: where its broker's file is.
const CHILD: &str = "SERVICEBUS_BROKER_CHILD";

#[test]
fn a_broker_that_is_killed_loses_nothing_it_acknowledged() {
    if let Some(file) = std::env::var_os(CHILD) {
        return acknowledge_until_killed(Path::new(&file));
    }
    let scratch = Scratch::new();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_broker_that_is_killed_loses_nothing_it_acknowledged",
            "--nocapture",
        ])
        .env(CHILD, scratch.file())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Two thirds are sent messages, one third completed ones.
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<String> = Vec::new();
    while acknowledged.len() < 600 {
        acknowledged.push(lines.next().unwrap().unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.extend(lines.map_while(Result::ok));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let broker = open(&scratch);
    let left = runtime.block_on(receive(&broker, "q", 100_000));
    let left: std::collections::HashSet<_> = ids(&left).into_iter().collect();
    for line in acknowledged {
        if let Some(id) = line.strip_prefix("completed ") {
            assert!(!left.contains(id), "{id} was completed and is there");
        } else if let Some(id) = line.strip_prefix("sent ")
            && id.ends_with("-kept")
        {
            assert!(left.contains(id), "{id} was sent and is not there");
        }
    }
}

fn acknowledge_until_killed(file: &Path) {
    let broker = Broker::open(file, Entities::default()).unwrap();
    broker.ensure_queue("q", QueueOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for n in 0.. {
            let (done, kept) = (format!("{n}-done"), format!("{n}-kept"));
            broker.send("q", vec![message(&done)]).await.unwrap();
            println!("sent {done}");
            let got = receive(&broker, "q", 1).await;
            broker.complete("q", &tokens(&got)).await.unwrap();
            println!("completed {done}");
            broker.send("q", vec![message(&kept)]).await.unwrap();
            println!("sent {kept}");
            // Held by a lock, so that the next message to receive is one that is to be completed.
            receive(&broker, "q", 1).await;
        }
    });
}
