//! Transfers: stock on its way from one location to another.

use crate::{App, Error, Page, Work};
use inventory_domain::transfer::{NewTransfer, Transfer, TransferChanges, TransferReceipt};
use inventory_store::transfers as store;
pub use inventory_store::transfers::{SORTING, TransferFilter};

/// A page of transfers.
pub async fn list(app: &App, filter: &TransferFilter, page: Page) -> Result<Vec<Transfer>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many transfers.
pub async fn count(app: &App, filter: &TransferFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One transfer.
pub async fn get(app: &App, id: i64) -> Result<Transfer, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Plans a transfer.
pub async fn create(work: &mut Work, new: &NewTransfer) -> Result<Transfer, Error> {
    Ok(store::create(work, new).await?)
}

/// Changes a draft.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &TransferChanges,
) -> Result<Transfer, Error> {
    Ok(store::update(work, id, version, changes).await?)
}

/// Sends a transfer off.
pub async fn dispatch(work: &mut Work, id: i64, version: Option<i64>) -> Result<Transfer, Error> {
    Ok(store::dispatch(work, id, version).await?)
}

/// Receives a transfer.
pub async fn receive(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    receipt: &TransferReceipt,
) -> Result<Transfer, Error> {
    Ok(store::receive(work, id, version, receipt).await?)
}

/// Calls a transfer off.
pub async fn cancel(work: &mut Work, id: i64, version: Option<i64>) -> Result<Transfer, Error> {
    Ok(store::cancel(work, id, version).await?)
}
