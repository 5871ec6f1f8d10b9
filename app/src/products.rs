//! Products.

use crate::{App, Error, Page, Work};
use inventory_domain::product::{NewProduct, Product, ProductChanges};
use inventory_store::products as store;
pub use inventory_store::products::{ProductFilter, SORTING};
use std::sync::Arc;

/// A page of products.
pub async fn list(app: &App, filter: &ProductFilter, page: Page) -> Result<Vec<Product>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many products.
pub async fn count(app: &App, filter: &ProductFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One product.
pub async fn get(app: &App, id: i64) -> Result<Arc<Product>, Error> {
    app.catalogue().product(app.store(), id).await
}

/// Creates a product.
pub async fn create(work: &mut Work, new: &NewProduct) -> Result<Product, Error> {
    Ok(store::create(work, new).await?)
}

/// Changes a product.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &ProductChanges,
) -> Result<Product, Error> {
    Ok(store::update(work, id, version, changes).await?)
}

/// Archives a product.
pub async fn archive(work: &mut Work, id: i64, version: Option<i64>) -> Result<Product, Error> {
    Ok(store::archive(work, id, version).await?)
}
