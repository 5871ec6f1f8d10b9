//! devhost's Service Bus: plain as the emulator, and as Azure with TLS and tokens.

use std::net::SocketAddr;
use std::time::Duration;

use devhost::servicebus::{Access, AmqpOptions, Broker, Delivery, Entities, QueueOptions, serve_amqp};
use inventory_azure::{ServiceBus, ServiceBusOptions};
use inventory_tests::tls::{Authority, Terminator};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Folder;
use crate::suite::{Received, Service};

pub(crate) const KEY_NAME: &str = "Root";
pub(crate) const KEY: &str = "c2VjcmV0IGtleSBmb3IgdGVzdHM=";

/// A broker with a queue `orders` and a topic `events`, and its listener, which can be stopped and started again.
pub(crate) struct Bus {
    pub(crate) broker: Broker,
    pub(crate) address: SocketAddr,
    options: AmqpOptions,
    listener: Option<(JoinHandle<std::io::Result<()>>, CancellationToken)>,
    _folder: Folder,
}

impl Bus {
    pub(crate) async fn start(options: AmqpOptions) -> Self {
        let folder = Folder::new("sender");
        let broker = Broker::open(&folder.path().join("servicebus.db"), Entities::default()).unwrap();
        broker.ensure_queue("orders", QueueOptions::default()).unwrap();
        broker
            .ensure_subscription("events", "all", QueueOptions::default())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bus = Self {
            broker,
            address,
            options,
            listener: None,
            _folder: folder,
        };
        bus.serve(listener);
        bus
    }

    fn serve(&mut self, listener: TcpListener) {
        let shutdown = CancellationToken::new();
        let served = serve_amqp(self.broker.clone(), listener, self.options.clone(), shutdown.clone());
        self.listener = Some((tokio::spawn(served), shutdown));
    }

    /// As when devhost is stopped: what has come is answered first.
    pub(crate) async fn stop(&mut self) {
        let (served, shutdown) = self.listener.take().unwrap();
        shutdown.cancel();
        served.await.unwrap().unwrap();
    }

    /// As when devhost is killed: connections break in the middle of anything.
    pub(crate) async fn kill(&mut self) {
        let (served, _) = self.listener.take().unwrap();
        served.abort();
        assert!(served.await.unwrap_err().is_cancelled());
    }

    pub(crate) async fn restart(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    /// A client of its own.
    pub(crate) fn client(&self, patience: Duration) -> ServiceBus {
        let text = format!(
            "Endpoint=sb://{};SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY};UseDevelopmentEmulator=true",
            self.address
        );
        ServiceBus::new(text.parse().unwrap(), options(patience))
    }

    pub(crate) async fn receive(&self, entity: &str, count: usize) -> Vec<Received> {
        receive(&self.broker, entity, count).await
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.broker.counts("orders").unwrap().active
    }
}

/// Takes so many messages of `orders`, or of the subscription to `events`.
pub(crate) async fn receive(broker: &Broker, entity: &str, count: usize) -> Vec<Received> {
    let entity = if entity == "events" {
        "events/subscriptions/all"
    } else {
        entity
    };
    let mut all = Vec::new();
    while all.len() < count {
        let more = tokio::time::timeout(Duration::from_secs(10), broker.receive(entity, count)).await;
        all.extend(more.unwrap().unwrap().into_iter().map(Received::from));
    }
    all
}

pub(crate) fn options(patience: Duration) -> ServiceBusOptions {
    ServiceBusOptions {
        send_timeout: patience,
        connect_timeout: patience,
        ..ServiceBusOptions::default()
    }
}

impl From<Delivery> for Received {
    fn from(delivery: Delivery) -> Self {
        let message = delivery.message;
        Self {
            message_id: message.message_id,
            session_id: message.session_id,
            subject: message.subject,
            content_type: message.content_type,
            body: message.body.to_vec(),
            properties: message.application_properties,
        }
    }
}

/// As Microsoft's emulator: no TLS, no tokens.
pub(crate) struct Plain(Bus);

impl Service for Plain {
    async fn start() -> Self {
        Self(Bus::start(AmqpOptions::default()).await)
    }

    fn client(&self, patience: Duration) -> ServiceBus {
        self.0.client(patience)
    }

    async fn stop(&mut self) {
        self.0.kill().await;
    }

    async fn restart(&mut self) {
        self.0.restart().await;
    }

    async fn receive(&self, entity: &str, count: usize) -> Vec<Received> {
        self.0.receive(entity, count).await
    }

    async fn arrived(&self) -> u64 {
        self.0.arrived()
    }
}

/// As Azure: TLS, and a token for each entity, which is checked.
pub(crate) struct Tls {
    pub(crate) bus: Bus,
    authority: Authority,
    pub(crate) terminator: Terminator,
}

impl Tls {
    pub(crate) async fn start_with(options: AmqpOptions) -> Self {
        let bus = Bus::start(options).await;
        let authority = Authority::new();
        let terminator = Terminator::start(&authority.issue("localhost")).await;
        terminator.serve(bus.address);
        Self {
            bus,
            authority,
            terminator,
        }
    }

    pub(crate) fn client_with(&self, options: ServiceBusOptions) -> ServiceBus {
        let text = format!(
            "Endpoint=sb://localhost:{}/;SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY}",
            self.terminator.port
        );
        ServiceBus::new(text.parse().unwrap(), options)
    }

    pub(crate) fn options(&self, patience: Duration) -> ServiceBusOptions {
        ServiceBusOptions {
            extra_roots: vec![self.authority.root()],
            ..options(patience)
        }
    }
}

impl Service for Tls {
    async fn start() -> Self {
        Self::start_with(AmqpOptions {
            access: Access::shared_key(KEY_NAME, KEY),
            ..AmqpOptions::default()
        })
        .await
    }

    fn client(&self, patience: Duration) -> ServiceBus {
        self.client_with(self.options(patience))
    }

    async fn stop(&mut self) {
        self.bus.stop().await;
    }

    async fn restart(&mut self) {
        self.bus.restart().await;
    }

    async fn receive(&self, entity: &str, count: usize) -> Vec<Received> {
        self.bus.receive(entity, count).await
    }

    async fn arrived(&self) -> u64 {
        self.bus.arrived()
    }
}
