//! Events as they were sent: from the event history where there is one, else from the outbox as long as it keeps them.

use crate::{App, Error, Page, orders};
use inventory_domain::event::EventType;
use inventory_store::events as store;
pub use inventory_store::events::EventFilter;
use serde_json::value::RawValue;
use uuid::Uuid;

/// An event: a CloudEvent's JSON text.
pub type Event = Box<RawValue>;

/// A page of a subject's events, oldest first.
///
/// # Errors
/// When the event history, or without one the database, is away.
pub async fn list(app: &App, filter: &EventFilter, page: Page) -> Result<Vec<Event>, Error> {
    if let Some(history) = app.event_history() {
        let event_type = filter.event_type.map(EventType::as_str);
        let events = history.read(&filter.subject, event_type, page.skip, page.limit).await;
        return events.map_err(|error| {
            tracing::warn!(%error, "the event history is not available");
            Error::Unavailable
        });
    }
    let texts = store::list(app.store(), filter, page).await?;
    texts
        .into_iter()
        .map(|text| {
            RawValue::from_string(text).map_err(|error| {
                tracing::error!(%error, "an event of the outbox cannot be read");
                Error::Internal
            })
        })
        .collect()
}

/// A page of an order's events, oldest first.
///
/// # Errors
/// When there is no such order, or as [`list`].
pub async fn of_order(app: &App, id: Uuid, page: Page) -> Result<Vec<Event>, Error> {
    orders::get(app, id).await?;
    list(app, &EventFilter::of_order(id), page).await
}
