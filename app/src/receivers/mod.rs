//! Webhooks and channels: who is told what happens, and how it gets there.
//!
//! The relay hands events over to here as to any other destination; each goes to those that want it as a delivery of its own, with
//! its own tries. Where nobody wants events none come.

mod address;
pub mod channels;
mod email;
mod export;
mod message;
pub(crate) mod outbound;
mod payload;
mod seal;
mod signature;
mod spread;
mod telling;
mod vault;
pub mod webhooks;
mod work;

pub(crate) use email::Mailer;
pub(crate) use outbound::Outbound;
pub(crate) use spread::spread;
pub use work::{DeliveryReport, deliver_at};
pub(crate) use work::{Works, prune, refresh};

use crate::{App, Error, Page, Work};
use inventory_domain::{
    Conflict, Refusal,
    delivery::Delivery,
    event::{Event, EventType},
};
use inventory_store::{notifications, receivers};
pub use inventory_store::{
    notifications::{DeliveryFilter, SORTING as DELIVERIES_SORTING},
    receivers::{Resource, SORTING},
};
use serde_json::json;
use uuid::Uuid;

/// A page of deliveries.
pub async fn deliveries(app: &App, filter: &DeliveryFilter, page: Page) -> Result<Vec<Delivery>, Error> {
    Ok(notifications::list(app.store(), filter, page).await?)
}

/// How many deliveries.
pub async fn count_deliveries(app: &App, filter: &DeliveryFilter) -> Result<i64, Error> {
    Ok(notifications::count(app.store(), filter).await?)
}

/// Puts a delivery at the beginning of its schedule again.
pub async fn redeliver(work: &mut Work, resource: Resource, id: i64, action: &'static str) -> Result<Delivery, Error> {
    let delivery = notifications::redeliver(work, resource, id, action).await?;
    work.has_deliveries();
    Ok(delivery)
}

/// Sends an event that nobody else is told, so that whoever has set the receiver up sees it arrive. `noun`: what the receiver is.
async fn test(
    work: &mut Work,
    resource: Resource,
    id: i64,
    noun: &str,
    action: &'static str,
) -> Result<Delivery, Error> {
    let receiver = receivers::lock(work, resource, id, None).await?;
    if !receiver.enabled {
        let detail = format!("{noun} {id} is switched off");
        return Err(Refusal::conflict(Conflict::ReceiverDisabled, detail).into());
    }
    let data = json!({ format!("{noun}_id"): id, "name": receiver.name });
    let event_id = Uuid::now_v7();
    let subject = resource.subject(id);
    let event_type = EventType::ReceiverTest;
    let event = Event::new(event_id, event_type, &subject, work.now(), &data);
    let body = serde_json::to_string(&event).map_err(|_| Error::Internal)?;
    let delivery = notifications::add(work, &receiver, event_id, event_type.as_str(), &body).await?;
    work.has_deliveries();
    receivers::audit_test(work, &receiver, action, &delivery)?;
    Ok(delivery)
}
