//! The client: many senders, one service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use rustls::pki_types::CertificateDer;

use super::amqp::AmqpSender;
use super::error::SendError;
#[cfg(feature = "servicebus-https")]
use super::https::HttpsSender;
use super::message::OutgoingMessage;
use super::namespace::ServiceBusConnection;
#[cfg(feature = "servicebus-https")]
use super::namespace::ServiceBusTransport;

/// How a [`ServiceBus`] behaves.
#[derive(Clone)]
pub struct ServiceBusOptions {
    /// The longest time that [`ServiceBus::send`] takes, connecting included.
    pub send_timeout: Duration,
    /// How long one step of connecting may take.
    pub connect_timeout: Duration,
    /// Who gives out tokens of Entra ID, for a namespace that is opened with them; `None`: the environment's identity.
    pub credential: Option<Arc<dyn TokenCredential>>,
    /// How long a token made from a shared access key is good for. It is made anew in time.
    pub signature_lifetime: Duration,
    /// Certificates that are trusted besides those that the system trusts. For tests.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for ServiceBusOptions {
    /// 20 s for sending, 10 s for a step of connecting, tokens for an hour, and the system's certificates.
    fn default() -> Self {
        Self {
            send_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            credential: None,
            signature_lifetime: Duration::from_hours(1),
            extra_roots: Vec::new(),
        }
    }
}

impl fmt::Debug for ServiceBusOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceBusOptions")
            .field("send_timeout", &self.send_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("signature_lifetime", &self.signature_lifetime)
            .finish_non_exhaustive()
    }
}

/// A Service Bus namespace, or another AMQP broker, to send to. Clones are the same one.
#[derive(Clone)]
pub struct ServiceBus {
    sender: Sender,
}

#[derive(Clone)]
enum Sender {
    Amqp(Arc<AmqpSender>),
    #[cfg(feature = "servicebus-https")]
    Https(Arc<HttpsSender>),
}

impl ServiceBus {
    /// Connects when the first message is sent.
    pub fn new(connection: ServiceBusConnection, options: ServiceBusOptions) -> Self {
        let sender = match connection.transport {
            #[cfg(feature = "servicebus-https")]
            ServiceBusTransport::Https => Sender::Https(Arc::new(HttpsSender::new(connection, options))),
            // A connection over HTTPS cannot be made without the feature.
            _ => Sender::Amqp(Arc::new(AmqpSender::new(connection, options))),
        };
        Self { sender }
    }

    /// Sends messages to a queue or topic and collects the answers. Messages of one session arrive in their order: after
    /// one that has not arrived, later ones of its session are not sent.
    ///
    /// `Err`: nothing was sent. Otherwise there is an outcome for every message, in their order; after any error but one
    /// that [concerns the message](SendError::concerns_message) it may be sent again with the same id.
    pub async fn send(
        &self,
        entity: &str,
        messages: &[OutgoingMessage],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        match &self.sender {
            Sender::Amqp(sender) => sender.send(entity, messages).await,
            #[cfg(feature = "servicebus-https")]
            Sender::Https(sender) => sender.send(entity, messages).await,
        }
    }

    /// Whether the service can be reached now and lets us send where we did: connects if there is no connection, but
    /// does not wait for the end of a pause between attempts.
    pub async fn check(&self) -> Result<(), SendError> {
        match &self.sender {
            Sender::Amqp(sender) => sender.check().await,
            #[cfg(feature = "servicebus-https")]
            Sender::Https(sender) => sender.check().await,
        }
    }

    /// Closes the connection. A later send opens another.
    pub async fn close(&self) {
        match &self.sender {
            Sender::Amqp(sender) => sender.close().await,
            // Its connections close when nobody uses them.
            #[cfg(feature = "servicebus-https")]
            Sender::Https(_) => {}
        }
    }
}
