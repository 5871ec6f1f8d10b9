//! The sender against devhost's Service Bus: outcomes, interruptions, speed.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devhost::servicebus::{Broker, Delivery, Entities, QueueOptions, serve_amqp};
use inventory_azure::{OutgoingMessage, SendError, ServiceBus, ServiceBusOptions};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A broker with a queue `orders` and a topic `events`, and its listener, which can be stopped and started again.
struct Bus {
    broker: Broker,
    address: SocketAddr,
    listener: Option<(JoinHandle<std::io::Result<()>>, CancellationToken)>,
    directory: PathBuf,
}

impl Bus {
    async fn start() -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sender-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&directory).unwrap();
        let broker = Broker::open(&directory.join("servicebus.db"), Entities::default()).unwrap();
        let options = QueueOptions {
            requires_duplicate_detection: true,
            ..QueueOptions::default()
        };
        broker.ensure_queue("orders", options).unwrap();
        broker
            .ensure_subscription("events", "all", QueueOptions::default())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bus = Self {
            broker,
            address,
            listener: None,
            directory,
        };
        bus.serve(listener);
        bus
    }

    fn serve(&mut self, listener: TcpListener) {
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve_amqp(self.broker.clone(), listener, shutdown.clone()));
        self.listener = Some((served, shutdown));
    }

    /// As when devhost is stopped: what has come is answered first.
    async fn stop(&mut self) {
        let (served, shutdown) = self.listener.take().unwrap();
        shutdown.cancel();
        served.await.unwrap().unwrap();
    }

    /// As when devhost is killed: connections break in the middle of anything.
    async fn kill(&mut self) {
        let (served, _) = self.listener.take().unwrap();
        served.abort();
        assert!(served.await.unwrap_err().is_cancelled());
    }

    async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    /// A client of its own.
    fn client(&self) -> ServiceBus {
        client(self.address, Duration::from_secs(10))
    }

    async fn receive(&self, entity: &str, count: usize) -> Vec<Delivery> {
        let mut all = Vec::new();
        while all.len() < count {
            let more = tokio::time::timeout(Duration::from_secs(10), self.broker.receive(entity, count)).await;
            all.extend(more.unwrap().unwrap());
        }
        all
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn client(address: SocketAddr, send_timeout: Duration) -> ServiceBus {
    let text = format!(
        "Endpoint=sb://{address};SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true"
    );
    let options = ServiceBusOptions {
        send_timeout,
        connect_timeout: send_timeout,
    };
    ServiceBus::new(text.parse().unwrap(), options)
}

fn message(id: impl Into<String>) -> OutgoingMessage {
    OutgoingMessage {
        message_id: id.into(),
        body: "{}".into(),
        ..OutgoingMessage::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_message_arrives() {
    let bus = Bus::start().await;
    let properties = json!({"text": "ä", "long": 1_099_511_627_776_i64, "half": 0.5, "truth": true, "list": [1, 2]});
    let mut sent = OutgoingMessage {
        message_id: "m".to_owned(),
        session_id: Some("session".to_owned()),
        subject: Some("subject".to_owned()),
        content_type: "application/json",
        body: r#"{"a":1}"#.into(),
        scheduled_enqueue_time: None,
        application_properties: properties.as_object().unwrap().clone(),
    };
    let client = bus.client();
    assert_eq!(client.send("events", &[sent.clone()]).await.unwrap(), [Ok(())]);
    let received = bus.receive("events/subscriptions/all", 1).await.remove(0).message;
    assert_eq!(received.message_id, "m");
    assert_eq!(received.session_id.as_deref(), Some("session"));
    assert_eq!(received.subject.as_deref(), Some("subject"));
    assert_eq!(received.content_type.as_deref(), Some("application/json"));
    assert_eq!(received.body, r#"{"a":1}"#);
    let expected = json!({"text": "ä", "long": 1_099_511_627_776_i64, "half": 0.5, "truth": true, "list": "[1,2]"});
    assert_eq!(serde_json::Value::Object(received.application_properties), expected);

    sent.scheduled_enqueue_time = Some(time::OffsetDateTime::now_utc() + Duration::from_hours(1));
    assert_eq!(client.send("orders", &[sent]).await.unwrap(), [Ok(())]);
    assert_eq!(bus.broker.counts("orders").unwrap().scheduled, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_entity_is_a_permanent_error_and_harms_nothing() {
    let bus = Bus::start().await;
    let client = bus.client();
    let start = Instant::now();
    let error = client.send("nope", &[message("a")]).await.unwrap_err();
    assert_eq!(error, SendError::EntityNotFound("nope".to_owned()));
    assert!(!error.is_transient());
    assert_eq!(client.send("orders", &[message("a")]).await.unwrap(), [Ok(())]);
    let error = client
        .send("events/subscriptions/all", &[message("a")])
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Rejected(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(client.check().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_is_refused_alone() {
    let bus = Bus::start().await;
    let large = OutgoingMessage {
        body: vec![b' '; 1024 * 1024 + 1].into(),
        ..message("large")
    };
    // Within the link's limit as it goes over the wire, beyond the entity's as it is stored.
    let properties = (0..30_000).map(|n| (n.to_string(), json!(null))).collect();
    let swollen = OutgoingMessage {
        body: vec![b' '; 700_000].into(),
        application_properties: properties,
        ..message("s")
    };
    let client = bus.client();
    let outcomes = client
        .send("orders", &[message("a"), large, swollen, message("b")])
        .await
        .unwrap();
    assert_eq!((&outcomes[0], &outcomes[3]), (&Ok(()), &Ok(())));
    for outcome in &outcomes[1..3] {
        let error = outcome.as_ref().unwrap_err();
        assert!(matches!(error, SendError::TooLarge(_)), "{error}");
    }
    assert_eq!(bus.broker.counts("orders").unwrap().active, 2);
    let nearly = OutgoingMessage {
        body: vec![b' '; 1_000_000].into(),
        ..message("nearly")
    };
    assert_eq!(client.send("orders", &[nearly]).await.unwrap(), [Ok(())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_in_a_row() {
    let bus = Bus::start().await;
    let client = bus.client();
    let messages: Vec<_> = (0..10_000).map(|n| message(n.to_string())).collect();
    let start = Instant::now();
    let outcomes = client.send("orders", &messages).await.unwrap();
    println!("{:.0} messages/s", 10_000.0 / start.elapsed().as_secs_f64());
    assert!(outcomes.iter().all(Result::is_ok));
    let ids: Vec<_> = bus
        .receive("orders", 10_000)
        .await
        .into_iter()
        .map(|d| d.message.message_id)
        .collect();
    assert!(
        ids.iter().enumerate().all(|(n, id)| *id == n.to_string()),
        "in the order they were sent"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_share_the_connection() {
    let bus = Bus::start().await;
    let client = bus.client();
    let senders = (0..64).map(|sender| {
        let client = client.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                let entity = if n % 2 == 0 { "orders" } else { "events" };
                assert_eq!(
                    client.send(entity, &[message(format!("{sender}-{n}"))]).await.unwrap(),
                    [Ok(())]
                );
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    assert_eq!(bus.broker.counts("orders").unwrap().active, 640);
    assert_eq!(bus.broker.counts("events").unwrap().active, 640);
}

/// Sends every message until it is acknowledged, as the outbox does; how often something was sent again.
async fn send_all(client: ServiceBus, ids: std::ops::Range<u32>) -> usize {
    let mut again = 0;
    let mut waiting: Vec<_> = ids.map(|n| message(n.to_string())).collect();
    while !waiting.is_empty() {
        let outcomes = match client.send("orders", &waiting[..waiting.len().min(200)]).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                again += 1;
                continue;
            }
        };
        let failed: HashSet<usize> = (0..outcomes.len()).filter(|n| outcomes[*n].is_err()).collect();
        assert!(outcomes.iter().flat_map(Result::as_ref).count() == outcomes.len() - failed.len());
        assert!(
            outcomes
                .iter()
                .filter_map(|outcome| outcome.as_ref().err())
                .all(SendError::is_transient)
        );
        again += failed.len();
        let mut index = 0;
        waiting.retain(|_| {
            index += 1;
            index > outcomes.len() || failed.contains(&(index - 1))
        });
    }
    again
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_listener_goes_and_comes() {
    let mut bus = Bus::start().await;
    let client = bus.client();
    let senders: Vec<_> = (0..4)
        .map(|n| tokio::spawn(send_all(client.clone(), n * 5_000..(n + 1) * 5_000)))
        .collect();
    for round in 1..=4_u64 {
        while bus.broker.counts("orders").unwrap().active < round * 3_000 {
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
    let mut again = 0;
    for sender in senders {
        again += tokio::time::timeout(Duration::from_mins(1), sender)
            .await
            .unwrap()
            .unwrap();
    }
    println!("{again} sent again");
    assert!(again > 0, "the interruptions were noticed");
    let ids: HashSet<_> = bus
        .receive("orders", 20_000)
        .await
        .into_iter()
        .map(|d| d.message.message_id)
        .collect();
    assert_eq!(ids.len(), 20_000);
    assert_eq!(bus.broker.counts("orders").unwrap().active, 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_away_is_a_transient_error_until_it_is_back() {
    let mut bus = Bus::start().await;
    bus.stop().await;
    let client = client(bus.address, Duration::from_millis(500));
    assert!(client.check().await.unwrap_err().is_transient());
    let start = Instant::now();
    let error = client.send("orders", &[message("a")]).await.unwrap_err();
    assert!(matches!(error, SendError::NotConnected(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    bus.restart().await;
    assert_eq!(client.send("orders", &[message("a")]).await.unwrap(), [Ok(())]);
    assert_eq!(client.check().await, Ok(()));
    client.close().await;
    assert_eq!(client.send("orders", &[message("b")]).await.unwrap(), [Ok(())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(silent.local_addr().unwrap(), Duration::from_millis(300));
    let start = Instant::now();
    let error = client.send("orders", &[message("a")]).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(client.check().await.is_err());
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn without_the_emulator_it_says_what_is_missing() {
    let text = "Endpoint=sb://name.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0";
    let client = ServiceBus::new(text.parse().unwrap(), ServiceBusOptions::default());
    let error = client.send("orders", &[message("a")]).await.unwrap_err();
    assert!(matches!(error, SendError::Configuration(_)), "{error}");
    assert!(!error.is_transient());
    assert!(!error.to_string().contains("c2Vj"));
}
