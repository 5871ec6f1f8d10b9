//! What sends to each destination of the outbox.

use crate::{
    App, TraceParent, receivers,
    settings::EventRetention,
    telemetry::{Span, SpanKind, Traces},
};
use inventory_azure::{EventHistory, HistoryError, HistoryEvent, OutgoingMessage, SendError, ServiceBus};
use inventory_store::{
    StoreError,
    outbox::{Destination, Pending},
};
use std::time::{Duration, SystemTime};

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
    /// Webhooks and channels, each with a delivery of its own.
    Receivers(&'a App),
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

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            is_permanent: false,
            retry_after: None,
            detail: error.reason(),
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

/// An event's way: it lies in the outbox, and is sent from there.
pub(crate) struct Way {
    send: Span,
    // Ends after what is a part of it.
    _outbox: Span,
}

impl Way {
    /// What the event takes along.
    fn trace(&self) -> Option<TraceParent> {
        self.send.trace()
    }

    /// Tells that it ended badly.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.send.fail(failure.detail.clone());
    }
}

impl<'a> Sender<'a> {
    /// The ways of events that are about to be sent, in their order.
    pub(crate) fn ways(&self, traces: &Traces, events: &[Pending]) -> Vec<Way> {
        events.iter().map(|event| self.way(traces, event)).collect()
    }

    /// Recorded where the event's trace is.
    fn way(&self, traces: &Traces, event: &Pending) -> Way {
        if !traces.is_on() || event.trace.is_none() {
            return Way {
                send: Span::unrecorded(event.trace),
                _outbox: Span::unrecorded(event.trace),
            };
        }
        let written = u64::try_from(event.time.micros()).unwrap_or_default();
        let written = SystemTime::UNIX_EPOCH + Duration::from_micros(written);
        let mut outbox = traces.start(SpanKind::Internal, "outbox", event.trace, Some(written));
        outbox.set_with("inventory.event.type", || event.event_type.clone());
        outbox.set_with("inventory.event.subject", || event.subject.clone());
        let mut send = match self {
            Self::ServiceBus { entity, .. } => {
                let mut send = traces.start(SpanKind::Producer, format!("send {entity}"), outbox.trace(), None);
                send.set("messaging.system", "servicebus");
                send.set("messaging.operation.type", "send");
                send.set("messaging.destination.name", *entity);
                send
            }
            Self::Receivers(_) => traces.start(SpanKind::Internal, "spread event", outbox.trace(), None),
            Self::EventHistory { .. } => {
                let mut send = traces.start(SpanKind::Client, "record event", outbox.trace(), None);
                send.set("db.system.name", "azure.cosmosdb");
                send
            }
        };
        send.set_with("messaging.message.id", || event.event_id.to_string());
        Way { send, _outbox: outbox }
    }

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
            Destination::Receivers => return Some(Self::Receivers(app)),
        };
        let service_bus = app.service_bus()?;
        Some(Self::ServiceBus { service_bus, entity })
    }

    /// Sends events, each with its place in a trace from `ways`. `Err`: nothing was sent. Otherwise there is an outcome for every
    /// event, in their order.
    pub(crate) async fn send(&self, events: &[Pending], ways: &[Way]) -> Result<Vec<Result<(), Failure>>, Failure> {
        match self {
            Self::ServiceBus { service_bus, entity } => {
                let messages: Vec<OutgoingMessage> = events
                    .iter()
                    .zip(ways)
                    .map(|(event, way)| message(event, way.trace()))
                    .collect();
                let outcomes = service_bus.send(entity, &messages).await?;
                Ok(outcomes
                    .into_iter()
                    .map(|outcome| outcome.map_err(Failure::from))
                    .collect())
            }
            Self::Receivers(app) => {
                receivers::spread(app, events).await?;
                Ok(events.iter().map(|_| Ok(())).collect())
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

/// The names under which a place in a trace is sent: W3C's, and the one that Azure's SDKs write and read.
const TRACE_PROPERTIES: [&str; 2] = ["traceparent", "Diagnostic-Id"];

fn message(event: &Pending, trace: Option<TraceParent>) -> OutgoingMessage {
    let property = |trace: TraceParent| TRACE_PROPERTIES.map(|name| (name.to_owned(), trace.to_string().into()));
    OutgoingMessage {
        application_properties: trace.into_iter().flat_map(property).collect(),
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
