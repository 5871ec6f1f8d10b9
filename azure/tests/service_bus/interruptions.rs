//! What only devhost's listener can be made to do.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use devhost::servicebus::{AmqpOptions, Throttle};
use inventory_azure::{OutgoingMessage, SendError, ServiceBus};
use serde_json::json;
use tokio::net::TcpListener;

use crate::devhost_bus::{Bus, options};
use crate::suite::message;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_entity_is_a_permanent_error_and_harms_nothing() {
    let bus = Bus::start(AmqpOptions::default()).await;
    let client = bus.client(PATIENCE);
    let start = Instant::now();
    let error = client.send("nope", &[message("a")]).await.unwrap_err();
    assert_eq!(error, SendError::EntityNotFound("nope".to_owned()));
    assert!(!error.is_transient() && !error.concerns_message());
    assert_eq!(client.send("orders", &[message("a")]).await.unwrap(), [Ok(())]);
    assert_eq!(client.check().await, Err(error), "what was sent to is not there");
    let error = client
        .send("events/subscriptions/all", &[message("a")])
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Rejected(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_is_refused_alone() {
    let bus = Bus::start(AmqpOptions::default()).await;
    let large = OutgoingMessage {
        body: vec![b' '; 1024 * 1024 + 1].into(),
        ..message("large")
    };
    // Within the link's limit as it goes over the wire, beyond what properties may have.
    let properties = (0..30_000).map(|n| (n.to_string(), json!(null))).collect();
    let swollen = OutgoingMessage {
        body: vec![b' '; 700_000].into(),
        application_properties: properties,
        ..message("s")
    };
    let client = bus.client(PATIENCE);
    let outcomes = client
        .send("orders", &[message("a"), large, swollen, message("b")])
        .await
        .unwrap();
    assert_eq!((&outcomes[0], &outcomes[3]), (&Ok(()), &Ok(())));
    assert!(matches!(&outcomes[1], Err(SendError::TooLarge(_))), "{outcomes:?}");
    assert!(matches!(&outcomes[2], Err(SendError::Rejected(_))), "{:?}", outcomes[2]);
    assert_eq!(bus.arrived(), 2);
    let nearly = OutgoingMessage {
        body: vec![b' '; 1_000_000].into(),
        ..message("nearly")
    };
    assert_eq!(client.send("orders", &[nearly]).await.unwrap(), [Ok(())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_can_wait_for_its_time() {
    let bus = Bus::start(AmqpOptions::default()).await;
    let later = OutgoingMessage {
        scheduled_enqueue_time: Some(time::OffsetDateTime::now_utc() + Duration::from_hours(1)),
        ..message("later")
    };
    assert_eq!(bus.client(PATIENCE).send("orders", &[later]).await.unwrap(), [Ok(())]);
    assert_eq!(bus.broker.counts("orders").unwrap().scheduled, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_in_a_row() {
    let bus = Bus::start(AmqpOptions::default()).await;
    let client = bus.client(Duration::from_secs(30));
    let messages: Vec<_> = (0..10_000).map(|n| message(n.to_string())).collect();
    let start = Instant::now();
    let outcomes = client.send("orders", &messages).await.unwrap();
    println!("{:.0} messages/s", 10_000.0 / start.elapsed().as_secs_f64());
    assert!(outcomes.iter().all(Result::is_ok));
    let received = bus.receive("orders", 10_000).await;
    assert!(
        received
            .iter()
            .enumerate()
            .all(|(n, message)| message.message_id == n.to_string()),
        "in the order they were sent"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_idle_is_made_anew_without_a_word() {
    let bus = Bus::start(AmqpOptions {
        link_idle_max: Duration::from_millis(300),
        ..AmqpOptions::default()
    })
    .await;
    let client = bus.client(PATIENCE);
    for n in 0..3 {
        assert_eq!(
            client.send("orders", &[message(n.to_string())]).await.unwrap(),
            [Ok(())]
        );
        // The time itself is what is tested here.
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    assert_eq!(bus.arrived(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_service_is_left_alone_for_as_long_as_it_asks() {
    let bus = Bus::start(AmqpOptions {
        throttle: Some(Throttle::new(10)),
        ..AmqpOptions::default()
    })
    .await;
    let client = bus.client(PATIENCE);
    let messages: Vec<_> = (0..40)
        .map(|n| OutgoingMessage {
            session_id: Some((n % 4).to_string()),
            ..message(n.to_string())
        })
        .collect();
    let outcomes = client.send("orders", &messages).await.unwrap();
    let sent = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((8..40).contains(&sent), "{sent}");
    let error = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(error.is_transient() && error.retry_after().is_some(), "{error}");
    // Nothing goes out meanwhile, on any link.
    let arrived = bus.arrived();
    let error = client.send("events", &[message("a")]).await.unwrap_err();
    let wait = error.retry_after().unwrap();
    assert!(wait <= Duration::from_secs(2), "{wait:?}");
    assert_eq!(bus.arrived(), arrived);
    tokio::time::sleep(wait).await;
    assert_eq!(client.send("events", &[message("a")]).await.unwrap(), [Ok(())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_many_are_under_way_and_the_listener_goes() {
    let mut bus = Bus::start(AmqpOptions::default()).await;
    let client = bus.client(PATIENCE);
    let senders: Vec<_> = (0..4)
        .map(|n| tokio::spawn(send_all(client.clone(), n * 5_000..(n + 1) * 5_000)))
        .collect();
    for round in 1..=4_u64 {
        while bus.arrived() < round * 3_000 {
            assert!(senders.iter().any(|sender| !sender.is_finished()), "the senders go on");
            tokio::task::yield_now().await;
        }
        if round % 2 == 0 {
            bus.stop().await;
        } else {
            bus.kill().await;
        }
        bus.restart().await;
    }
    for sender in senders {
        tokio::time::timeout(Duration::from_mins(1), sender)
            .await
            .unwrap()
            .unwrap();
    }
    let arrived = usize::try_from(bus.arrived()).unwrap();
    let received = bus.receive("orders", arrived).await;
    let ids: HashSet<_> = received.iter().map(|message| &message.message_id).collect();
    assert_eq!(ids.len(), 20_000);
}

/// Sends every message until it is acknowledged.
async fn send_all(client: ServiceBus, ids: std::ops::Range<u32>) {
    let mut waiting: Vec<_> = ids.map(|n| message(n.to_string())).collect();
    while !waiting.is_empty() {
        let Ok(outcomes) = client.send("orders", &waiting[..waiting.len().min(200)]).await else {
            continue;
        };
        let mut outcomes = outcomes.into_iter();
        waiting.retain(|_| outcomes.next().is_none_or(|outcome| outcome.is_err()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        "Endpoint=sb://{};SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
        silent.local_addr().unwrap()
    );
    let client = ServiceBus::new(text.parse().unwrap(), options(Duration::from_millis(300)));
    let start = Instant::now();
    let error = client.send("orders", &[message("a")]).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(client.check().await.is_err());
    assert!(start.elapsed() < Duration::from_secs(5));
}
