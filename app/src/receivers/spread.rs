//! From the outbox to those that want it.

use super::{channels, message::Item, webhooks};
use crate::{App, clock};
use inventory_domain::{
    channel::{AlertKind, ChannelFilter},
    delivery::EventPattern,
};
use inventory_store::{
    StoreError, alerts,
    notifications::{self, Notification},
    outbox::Pending,
    receivers::{self, Receiver, Resource},
};

/// What a receiver wants.
enum Wants {
    /// Events of such types.
    Events(Vec<String>),
    /// Such alerts.
    Alerts(ChannelFilter),
}

/// An alert among the events.
struct AlertOf {
    seq: i64,
    kind: AlertKind,
    location_id: i64,
}

impl Wants {
    fn of(receiver: &Receiver) -> Result<Self, StoreError> {
        Ok(match receiver.resource {
            Resource::Webhooks => Self::Events(receiver.details::<webhooks::Details>()?.events),
            Resource::Channels => Self::Alerts(receiver.details::<channels::Details>()?.filter),
        })
    }

    fn this(&self, event: &Pending, alerts: &[AlertOf]) -> bool {
        match self {
            Self::Events(patterns) => patterns
                .iter()
                .any(|pattern| EventPattern(pattern).matches(&event.event_type)),
            Self::Alerts(filter) => alerts
                .iter()
                .any(|alert| alert.seq == event.seq && filter.wants(alert.kind, alert.location_id)),
        }
    }
}

/// The alerts among events, without those that rest. That stock has recovered is told whether the alert has rested or not.
async fn alerts_of(app: &App, events: &[Pending]) -> Result<Vec<AlertOf>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Told {
        data: serde_json::Value,
    }
    let mut found = Vec::new();
    let mut items = Vec::new();
    for event in events {
        let is_alert = inventory_domain::channel::ALERT_EVENTS
            .iter()
            .any(|event_type| event_type.as_str() == event.event_type);
        let Some(Told { data }) = serde_json::from_str(&event.body).ok().filter(|_| is_alert) else {
            continue;
        };
        let Ok(item) = serde_json::from_value::<Item>(data) else {
            continue;
        };
        let Some(kind) = AlertKind::of(&event.event_type, item.severity) else {
            continue;
        };
        // The alert of a reminder has ended its rest.
        let stock_item_id = event
            .subject
            .strip_prefix("inventory/")
            .and_then(|id| id.parse::<i64>().ok());
        let stock_item_id = stock_item_id.filter(|_| kind != AlertKind::Recovered);
        items.extend(stock_item_id);
        let alert = AlertOf {
            seq: event.seq,
            kind,
            location_id: item.location_id,
        };
        found.push((stock_item_id, alert));
    }
    if !items.is_empty() {
        let snoozed = alerts::snoozed(app.store(), &items, clock()).await?;
        found.retain(|(id, _)| id.is_none_or(|id| !snoozed.contains(&id)));
    }
    Ok(found.into_iter().map(|(_, alert)| alert).collect())
}

/// Puts events on the way to those that want them; those that are on it already stay as they are.
pub(crate) async fn spread(app: &App, events: &[Pending]) -> Result<(), StoreError> {
    let alerts = alerts_of(app, events).await?;
    let mut found = Vec::new();
    for receiver in receivers::enabled(app.store()).await? {
        match Wants::of(&receiver) {
            Ok(wants) => {
                let notification = |event: &'_ Pending| (receiver.id, event.seq);
                found.extend(
                    events
                        .iter()
                        .filter(|event| wants.this(event, &alerts))
                        .map(notification),
                );
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
