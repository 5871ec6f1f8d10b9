//! Units of orders that came back.

use crate::{App, Error, Page, Work, orders};
use inventory_domain::returns::{NewReturn, Return};
use inventory_store::returns as store;
use uuid::Uuid;

/// Takes units of an order back.
pub async fn create(work: &mut Work, order_id: Uuid, version: Option<i64>, new: &NewReturn) -> Result<Return, Error> {
    let (returned, _) = store::create(work, order_id, version, new).await?;
    Ok(returned)
}

/// One return.
pub async fn get(app: &App, id: Uuid) -> Result<Return, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// A page of an order's returns, oldest first.
///
/// # Errors
/// When there is no such order.
pub async fn of_order(app: &App, order_id: Uuid, page: Page) -> Result<Vec<Return>, Error> {
    let found = store::of_order(app.store(), order_id, page).await?;
    if found.is_empty() {
        // Tells "nothing came back" from "no such order".
        orders::get(app, order_id).await?;
    }
    Ok(found)
}
