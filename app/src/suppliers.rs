//! Suppliers: who products are ordered from.

use crate::{App, Error, Page, Work};
use inventory_domain::supplier::{NewSupplier, Supplier, SupplierChanges};
use inventory_store::suppliers as store;
pub use inventory_store::suppliers::SORTING;

/// A page of suppliers, without their products.
pub async fn list(app: &App, page: Page) -> Result<Vec<Supplier>, Error> {
    Ok(store::list(app.store(), page).await?)
}

/// How many suppliers.
pub async fn count(app: &App) -> Result<i64, Error> {
    Ok(store::count(app.store()).await?)
}

/// One supplier with its products.
pub async fn get(app: &App, id: i64) -> Result<Supplier, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Creates a supplier.
pub async fn create(work: &mut Work, new: &NewSupplier) -> Result<Supplier, Error> {
    Ok(store::create(work, new).await?)
}

/// Changes a supplier.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &SupplierChanges,
) -> Result<Supplier, Error> {
    Ok(store::update(work, id, version, changes).await?)
}
