//! From the outbox to those that want it.

use super::webhooks;
use crate::{App, clock};
use inventory_domain::delivery::EventPattern;
use inventory_store::{
    StoreError,
    notifications::{self, Notification},
    outbox::Pending,
    receivers::{self, Receiver, Resource},
};

/// What a receiver wants.
enum Wants {
    /// Events of such types.
    Events(Vec<String>),
}

impl Wants {
    fn of(receiver: &Receiver) -> Result<Self, StoreError> {
        Ok(match receiver.resource {
            Resource::Webhooks | Resource::Channels => Self::Events(receiver.details::<webhooks::Details>()?.events),
        })
    }

    fn this(&self, event: &Pending) -> bool {
        match self {
            Self::Events(patterns) => patterns
                .iter()
                .any(|pattern| EventPattern(pattern).matches(&event.event_type)),
        }
    }
}

/// Puts events on the way to those that want them; those that are on it already stay as they are.
pub(crate) async fn spread(app: &App, events: &[Pending]) -> Result<(), StoreError> {
    let mut found = Vec::new();
    for receiver in receivers::enabled(app.store()).await? {
        match Wants::of(&receiver) {
            Ok(wants) => {
                let notification = |event: &'_ Pending| (receiver.id, event.seq);
                found.extend(events.iter().filter(|event| wants.this(event)).map(notification));
            }
            // One that cannot be read is no reason to tell the others nothing.
            Err(error) => tracing::error!(%error, id = receiver.id, "a receiver cannot be read"),
        }
    }
    let notifications: Vec<_> = found
        .iter()
        .filter_map(|(receiver_id, seq)| {
            let event = events.iter().find(|event| event.seq == *seq)?;
            Some(Notification {
                receiver_id: *receiver_id,
                seq: *seq,
                event_id: event.event_id,
                event_type: &event.event_type,
            })
        })
        .collect();
    if notifications::spread(app.store(), &notifications, clock()).await? > 0 {
        app.works().wake();
    }
    Ok(())
}
