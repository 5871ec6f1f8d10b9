//! Cycle counts: what is on the shelves, held against the ledger.

use crate::{App, Error, Page, Work};
use inventory_domain::count::{Count, CountStatus, NewCount, Record};
use inventory_store::counts as store;
pub use inventory_store::counts::SORTING;

/// A page of counts, without their lines.
pub async fn list(app: &App, status: Option<CountStatus>, page: Page) -> Result<Vec<Count>, Error> {
    Ok(store::list(app.store(), status, page).await?)
}

/// How many counts.
pub async fn count(app: &App, status: Option<CountStatus>) -> Result<i64, Error> {
    Ok(store::count(app.store(), status).await?)
}

/// One count with its lines.
pub async fn get(app: &App, id: i64) -> Result<Count, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Opens a count.
pub async fn create(work: &mut Work, new: &NewCount) -> Result<Count, Error> {
    Ok(store::create(work, new).await?)
}

/// Records what was counted; gives the count with the lines that were recorded.
pub async fn record(work: &mut Work, id: i64, version: Option<i64>, record: &Record) -> Result<Count, Error> {
    Ok(store::record(work, id, version, record).await?)
}

/// Puts the differences into the ledger.
pub async fn post(work: &mut Work, id: i64, version: Option<i64>) -> Result<Count, Error> {
    Ok(store::post(work, id, version).await?)
}

/// Calls a count off.
pub async fn cancel(work: &mut Work, id: i64, version: Option<i64>) -> Result<Count, Error> {
    Ok(store::cancel(work, id, version).await?)
}
