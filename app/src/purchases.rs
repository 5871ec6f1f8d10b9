//! Purchase orders: what is ordered from suppliers, and what of it has come.

use crate::{App, Error, Page, Work};
use inventory_domain::purchase::{NewPurchaseOrder, PurchaseChanges, PurchaseOrder, Receipt};
use inventory_store::purchases as store;
pub use inventory_store::purchases::{PurchaseFilter, SORTING};

/// A page of purchase orders, without their lines.
pub async fn list(app: &App, filter: &PurchaseFilter, page: Page) -> Result<Vec<PurchaseOrder>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many purchase orders.
pub async fn count(app: &App, filter: &PurchaseFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One purchase order with its lines.
pub async fn get(app: &App, id: i64) -> Result<PurchaseOrder, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Writes a draft.
pub async fn create(work: &mut Work, new: &NewPurchaseOrder) -> Result<PurchaseOrder, Error> {
    Ok(store::create(work, new).await?)
}

/// Changes a purchase order.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &PurchaseChanges,
) -> Result<PurchaseOrder, Error> {
    Ok(store::update(work, id, version, changes).await?)
}

/// Orders a draft.
pub async fn order(work: &mut Work, id: i64, version: Option<i64>) -> Result<PurchaseOrder, Error> {
    Ok(store::order(work, id, version).await?)
}

/// Adds what has come to the stock.
pub async fn receive(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    receipt: &Receipt,
) -> Result<PurchaseOrder, Error> {
    Ok(store::receive(work, id, version, receipt).await?)
}

/// Calls a purchase order off.
pub async fn cancel(work: &mut Work, id: i64, version: Option<i64>) -> Result<PurchaseOrder, Error> {
    Ok(store::cancel(work, id, version).await?)
}
