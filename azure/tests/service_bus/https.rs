//! devhost's REST operations behind TLS: the way for networks that close the ports of AMQP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use devhost::servicebus::{Access, Broker, Entities, QueueOptions, serve_rest};
use inventory_azure::{SendError, ServiceBus, ServiceBusConnection, ServiceBusOptions, ServiceBusTransport};
use inventory_tests::tls::{Authority, Terminator};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Folder;
use crate::devhost_bus::{KEY, KEY_NAME, options, receive};
use crate::suite::{Received, Service, message};

/// A broker behind its REST listener, which can be stopped and started again.
pub(crate) struct Https {
    broker: Broker,
    address: std::net::SocketAddr,
    access: Access,
    listener: Option<(JoinHandle<std::io::Result<()>>, CancellationToken)>,
    authority: Authority,
    terminator: Terminator,
    _folder: Folder,
}

impl Https {
    async fn start_with(access: Access) -> Self {
        let folder = Folder::new("rest");
        let broker = Broker::open(&folder.path().join("servicebus.db"), Entities::default()).unwrap();
        broker.ensure_queue("orders", QueueOptions::default()).unwrap();
        broker
            .ensure_subscription("events", "all", QueueOptions::default())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::new();
        let terminator = Terminator::start(&authority.issue("localhost")).await;
        terminator.serve(address);
        let mut https = Self {
            broker,
            address,
            access,
            listener: None,
            authority,
            terminator,
            _folder: folder,
        };
        https.serve(listener);
        https
    }

    fn serve(&mut self, listener: TcpListener) {
        let shutdown = CancellationToken::new();
        let served = serve_rest(self.broker.clone(), listener, self.access.clone(), shutdown.clone());
        self.listener = Some((tokio::spawn(served), shutdown));
    }

    fn options(&self, patience: Duration) -> ServiceBusOptions {
        ServiceBusOptions {
            extra_roots: vec![self.authority.root()],
            ..options(patience)
        }
    }

    fn connection(&self, key: &str) -> ServiceBusConnection {
        let text = format!(
            "Endpoint=sb://localhost:{}/;SharedAccessKeyName={KEY_NAME};SharedAccessKey={key}",
            self.terminator.port
        );
        let connection: ServiceBusConnection = text.parse().unwrap();
        connection.over(ServiceBusTransport::Https).unwrap()
    }
}

impl Service for Https {
    async fn start() -> Self {
        Self::start_with(Access::shared_key(KEY_NAME, KEY)).await
    }

    fn client(&self, patience: Duration) -> ServiceBus {
        ServiceBus::new(self.connection(KEY), self.options(patience))
    }

    async fn stop(&mut self) {
        let (served, shutdown) = self.listener.take().unwrap();
        shutdown.cancel();
        served.await.unwrap().unwrap();
    }

    async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    async fn receive(&self, entity: &str, count: usize) -> Vec<Received> {
        receive(&self.broker, entity, count).await
    }

    async fn arrived(&self) -> u64 {
        self.broker.counts("orders").unwrap().active
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_service_refuses_is_told_and_harms_nothing() {
    let service = Https::start().await;
    let client = service.client(PATIENCE);
    let nope = client
        .send("nope", &[message("a")])
        .await
        .unwrap()
        .remove(0)
        .unwrap_err();
    assert_eq!(nope, SendError::EntityNotFound("nope".to_owned()));
    let mut large = message("large");
    large.body = vec![b' '; 1024 * 1024 + 1].into();
    let mut binary = message("binary");
    binary.body = vec![0xff].into();
    let outcomes = client.send("orders", &[large, binary, message("b")]).await.unwrap();
    assert!(matches!(outcomes[0], Err(SendError::TooLarge(_))), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(SendError::Rejected(_))), "{outcomes:?}");
    assert_eq!(outcomes[2], Ok(()));
    assert_eq!(service.arrived().await, 1);
    assert_eq!(client.check().await, Err(nope));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_told_and_never_shown() {
    let service = Https::start().await;
    let client = ServiceBus::new(service.connection("aHVudGVyMg=="), service.options(PATIENCE));
    let error = client
        .send("orders", &[message("a")])
        .await
        .unwrap()
        .remove(0)
        .unwrap_err();
    assert!(matches!(error, SendError::Unauthorized(_)), "{error}");
    assert!(!error.to_string().contains("aHVudGVyMg"), "{error}");
    assert_eq!(service.arrived().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_serves_many_messages_and_a_refused_one_is_made_anew() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let seen = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let tokens = Arc::clone(&seen);
    let service = Https::start_with(Access::checked(move |_, _, token| {
        tokens.lock().unwrap().insert(token.to_owned());
        // As when its key was rolled: refused once in the middle.
        match counted.fetch_add(1, Ordering::SeqCst) {
            5 => Err("InvalidSignature: The token has an invalid signature.".to_owned()),
            _ => Ok(OffsetDateTime::now_utc() + Duration::from_hours(1)),
        }
    }))
    .await;
    let client = service.client(PATIENCE);
    for n in 0..10 {
        assert_eq!(
            client.send("orders", &[message(n.to_string())]).await.unwrap(),
            [Ok(())]
        );
    }
    assert_eq!(service.arrived().await, 10);
    assert_eq!(count.load(Ordering::SeqCst), 11);
    // Two at most: signatures of the same second are equal.
    assert!(seen.lock().unwrap().len() <= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_somebody_unknown_is_refused() {
    let service = Https::start().await;
    let client = ServiceBus::new(service.connection(KEY), options(PATIENCE));
    let error = client
        .send("orders", &[message("a")])
        .await
        .unwrap()
        .remove(0)
        .unwrap_err();
    assert!(matches!(error, SendError::NotConnected(_)), "{error}");
    assert!(client.check().await.is_err());
    assert_eq!(service.arrived().await, 0);
}

#[test]
fn only_a_namespace_is_reached_over_https() {
    for text in [
        "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
        "amqps://user:password@rabbit",
    ] {
        let connection: ServiceBusConnection = text.parse().unwrap();
        assert!(connection.over(ServiceBusTransport::Https).is_err(), "{text}");
    }
}
