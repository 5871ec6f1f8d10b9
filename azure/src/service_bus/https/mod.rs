//! Sending over HTTPS: the REST operations of Service Bus, one request a message. For networks that close the ports of AMQP.
//!
//! The requests are made by `azure_messaging_servicebus`; where they go and who we are is decided by [`gateway`].

mod gateway;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use azure_messaging_servicebus::prelude::QueueClient;
use azure_messaging_servicebus::service_bus::{SendMessageOptions, SettableBrokerProperties};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use self::gateway::Gateway;
use super::client::ServiceBusOptions;
use super::error::SendError;
use super::health::Health;
use super::message::OutgoingMessage;
use super::namespace::ServiceBusConnection;
use super::rounds::{Outcome, Rounds};

/// How many requests are under way at a time.
const REQUESTS_MAX: usize = 32;
/// Attempts for a message: after one that failed it may have been the token, or a connection that had just been closed.
const ATTEMPTS: u32 = 2;

/// A sender for one namespace.
pub(super) struct HttpsSender {
    to: ServiceBusConnection,
    options: ServiceBusOptions,
    /// Made when the first message is sent.
    gateway: OnceLock<Arc<Gateway>>,
    health: Health,
}

impl HttpsSender {
    pub(super) fn new(to: ServiceBusConnection, options: ServiceBusOptions) -> Self {
        Self {
            to,
            options,
            gateway: OnceLock::new(),
            health: Health::default(),
        }
    }

    /// See [`super::ServiceBus::send`].
    pub(super) async fn send(&self, entity: &str, messages: &[OutgoingMessage]) -> Result<Vec<Outcome>, SendError> {
        self.health.refuse_while_throttled()?;
        let deadline = Instant::now() + self.options.send_timeout;
        let gateway = self.gateway()?;
        let client = client(&gateway, entity)?;
        let mut rounds = Rounds::new(messages);
        let mut rest = SendError::NotConnected("the time was over before its turn".to_owned());
        while let Some(round) = rounds.next() {
            let sends = round.into_iter().map(|index| {
                let (client, gateway) = (&client, &gateway);
                async move {
                    (
                        index,
                        self.send_one(client, gateway, entity, &messages[index], deadline).await,
                    )
                }
            });
            let outcomes: Vec<_> = stream::iter(sends).buffer_unordered(REQUESTS_MAX).collect().await;
            for (index, outcome) in outcomes {
                match &outcome {
                    Ok(()) => self.health.note(entity, None),
                    Err(error) if error.retry_after().is_some() => {
                        self.health.note_throttled(error);
                        rest = error.clone();
                    }
                    Err(error) if !error.concerns_message() => self.health.note(entity, Some(error)),
                    Err(_) => {}
                }
                rounds.record(index, outcome);
            }
            if rest.retry_after().is_some() || Instant::now() >= deadline {
                break;
            }
        }
        Ok(rounds.finish(&rest))
    }

    async fn send_one(
        &self,
        client: &QueueClient,
        gateway: &Gateway,
        entity: &str,
        message: &OutgoingMessage,
        deadline: Instant,
    ) -> Outcome {
        let Ok(body) = std::str::from_utf8(&message.body) else {
            return Err(SendError::Rejected("over HTTPS the body must be text".to_owned()));
        };
        let mut attempt = 1;
        loop {
            // Others of the round may have heard of it meanwhile.
            self.health.refuse_while_throttled()?;
            let sent = timeout_at(deadline, client.send_message(body, Some(options(message)))).await;
            let error = match sent {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => gateway::cause(error, entity),
                Err(_) => return Err(SendError::TimedOut),
            };
            let may_help = match &error {
                SendError::Unauthorized(_) => {
                    gateway.forget_token(entity);
                    true
                }
                SendError::Unanswered(_) => true,
                _ => false,
            };
            if attempt == ATTEMPTS || !may_help {
                return Err(error);
            }
            attempt += 1;
        }
    }

    /// See [`super::ServiceBus::check`].
    pub(super) async fn check(&self) -> Result<(), SendError> {
        let reached = self.gateway()?.reach(self.options.connect_timeout).await;
        self.health.note("", reached.as_ref().err());
        reached?;
        self.health.trouble()
    }

    fn gateway(&self) -> Result<Arc<Gateway>, SendError> {
        if let Some(gateway) = self.gateway.get() {
            return Ok(Arc::clone(gateway));
        }
        // Two that come at once both make one; the first stays.
        let gateway = Arc::new(Gateway::new(&self.to, &self.options)?);
        Ok(Arc::clone(self.gateway.get_or_init(|| gateway)))
    }
}

/// The crate's client for an entity. It signs each request with a key and sends it to a host of its own making; both are
/// replaced by the gateway, which knows tokens of identities and other clouds too.
fn client(gateway: &Arc<Gateway>, entity: &str) -> Result<QueueClient, SendError> {
    let transport: Arc<dyn azure_core_021::HttpClient> = Arc::<Gateway>::clone(gateway);
    QueueClient::new(transport, "namespace", entity, "none", "none".to_owned())
        .map_err(|error| SendError::Configuration(error.to_string()))
}

fn options(message: &OutgoingMessage) -> SendMessageOptions {
    let properties = &message.application_properties;
    SendMessageOptions {
        content_type: Some(message.content_type.to_owned()).filter(|of| !of.is_empty()),
        broker_properties: Some(SettableBrokerProperties {
            session_id: message.session_id.clone(),
            message_id: Some(message.message_id.clone()),
            label: message.subject.clone(),
            scheduled_enqueue_time_utc: message.scheduled_enqueue_time,
            ..SettableBrokerProperties::default()
        }),
        // The crate takes their names for those of headers, so they arrive in lower case.
        custom_properties: (!properties.is_empty()).then(|| {
            properties
                .iter()
                .map(|(name, value)| (name.clone(), property(value)))
                .collect::<HashMap<_, _>>()
        }),
    }
}

/// A property in a header is JSON, and a header is ASCII.
fn property(value: &Value) -> String {
    let text = match value {
        Value::Array(_) | Value::Object(_) => Value::String(value.to_string()).to_string(),
        other => other.to_string(),
    };
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}
