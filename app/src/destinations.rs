//! What sends to each destination of the outbox.

use crate::{App, settings::EventRetention};
use inventory_azure::{EventHistory, HistoryError, HistoryEvent, OutgoingMessage, SendError, ServiceBus};
use inventory_store::outbox::{Destination, Pending};
use std::time::Duration;

/// Sends to one destination.
pub(crate) enum Sender<'a> {
    /// A queue or topic of Service Bus.
    ServiceBus {
        /// The namespace.
        service_bus: &'a ServiceBus,
        /// The queue or topic.
        entity: &'static str,
    },
    /// The event history.
    EventHistory {
        /// Where it is.
        history: &'a EventHistory,
        /// How long it keeps what.
        retention: &'a EventRetention,
    },
}

/// Why an event, or all of them, did not reach a destination.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Failure {
    /// What happened, for operators; no secrets.
    detail: String,
    /// Whether it never will, however often it is sent.
    pub(crate) is_permanent: bool,
    /// How long the destination wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self {
            is_permanent: error.concerns_message(),
            retry_after: error.retry_after(),
            detail: error.to_string(),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self {
            is_permanent: !error.is_transient(),
            retry_after: error.retry_after(),
            detail: error.to_string(),
        }
    }
}

impl<'a> Sender<'a> {
    /// What sends to `destination`; `None` where the settings have no such thing.
    pub(crate) fn of(app: &'a App, destination: Destination) -> Option<Self> {
        let entity = match destination {
            Destination::OrdersQueue => "orders",
            Destination::EventsTopic => "inventory-events",
            Destination::EventHistory => {
                let history = app.event_history()?;
                let retention = &app.settings().event_history.as_ref()?.retention;
                return Some(Self::EventHistory { history, retention });
            }
        };
        let service_bus = app.service_bus()?;
        Some(Self::ServiceBus { service_bus, entity })
    }

    /// Sends events. `Err`: nothing was sent. Otherwise there is an outcome for every event, in their order.
    pub(crate) async fn send(&self, events: &[Pending]) -> Result<Vec<Result<(), Failure>>, Failure> {
        match self {
            Self::ServiceBus { service_bus, entity } => {
                let messages: Vec<OutgoingMessage> = events.iter().map(message).collect();
                let outcomes = service_bus.send(entity, &messages).await?;
                Ok(outcomes
                    .into_iter()
                    .map(|outcome| outcome.map_err(Failure::from))
                    .collect())
            }
            Self::EventHistory { history, retention } => {
                let events: Vec<_> = events.iter().map(|event| kept(event, retention)).collect();
                let outcomes = history.record(&events).await?;
                Ok(outcomes
                    .into_iter()
                    .map(|outcome| outcome.map_err(Failure::from))
                    .collect())
            }
        }
    }
}

fn message(event: &Pending) -> OutgoingMessage {
    OutgoingMessage {
        message_id: event.event_id.to_string(),
        session_id: Some(event.subject.clone()),
        subject: Some(event.event_type.clone()),
        content_type: "application/json",
        body: event.body.clone().into_bytes().into(),
        ..OutgoingMessage::default()
    }
}

fn kept<'e>(event: &'e Pending, retention: &EventRetention) -> HistoryEvent<'e> {
    HistoryEvent {
        seq: event.seq,
        id: event.event_id,
        subject: &event.subject,
        body: &event.body,
        ttl_seconds: retention.seconds(&event.event_type),
    }
}
