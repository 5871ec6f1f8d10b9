//! Parked messages.

use crate::{App, Error, Page, Work};
use inventory_domain::parked::ParkedMessage;
use inventory_store::parked as store;
pub use inventory_store::parked::{ParkedFilter, SORTING};

/// A page of parked messages.
pub async fn list(app: &App, filter: &ParkedFilter, page: Page) -> Result<Vec<ParkedMessage>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many parked messages.
pub async fn count(app: &App, filter: &ParkedFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One parked message.
pub async fn get(app: &App, id: i64) -> Result<ParkedMessage, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Sends a parked message to the orders queue again.
pub async fn replay(work: &mut Work, id: i64) -> Result<ParkedMessage, Error> {
    Ok(store::replay(work, id).await?)
}
