//! Locations.

use crate::{App, Error, Page, Work};
use inventory_domain::location::{Location, LocationChanges, NewLocation};
use inventory_store::locations as store;
pub use inventory_store::locations::SORTING;
use std::sync::Arc;

/// A page of locations.
pub async fn list(app: &App, page: Page) -> Result<Vec<Location>, Error> {
    Ok(store::list(app.store(), page).await?)
}

/// How many locations.
pub async fn count(app: &App) -> Result<i64, Error> {
    Ok(store::count(app.store()).await?)
}

/// One location.
pub async fn get(app: &App, id: i64) -> Result<Arc<Location>, Error> {
    app.catalogue().location(app.store(), id).await
}

/// Creates a location.
pub async fn create(work: &mut Work, new: &NewLocation) -> Result<Location, Error> {
    Ok(store::create(work, new).await?)
}

/// Changes a location.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &LocationChanges,
) -> Result<Location, Error> {
    Ok(store::update(work, id, version, changes).await?)
}
