//! Stock at locations, as callers see and change it.

use crate::{App, Error, Page, Work};
use inventory_domain::{
    Timestamp,
    movement::Movement,
    stock::{AddStock, AdjustStock, StockAt, StockChanges, StockItem, StockValue, ValueBy},
};
use inventory_store::{movements, stock as store};
pub use inventory_store::{
    movements::SORTING as MOVEMENTS_SORTING,
    stock::{AT_SORTING, SORTING, StockFilter, low_sorting},
};

/// A page of stock items.
pub async fn list(app: &App, filter: &StockFilter, page: Page) -> Result<Vec<StockItem>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many stock items.
pub async fn count(app: &App, filter: &StockFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One stock item.
pub async fn get(app: &App, id: i64) -> Result<StockItem, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Adds units; says whether the stock item is new.
pub async fn add(work: &mut Work, add: &AddStock) -> Result<(StockItem, bool), Error> {
    Ok(store::add(work, add).await?)
}

/// Overwrites a stock item's quantity or reorder point.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &StockChanges,
) -> Result<StockItem, Error> {
    Ok(store::update(work, id, version, changes).await?)
}

/// Adds or takes away units for a reason.
pub async fn adjust(work: &mut Work, id: i64, version: Option<i64>, adjust: &AdjustStock) -> Result<StockItem, Error> {
    Ok(store::adjust(work, id, version, adjust).await?)
}

/// A page of a stock item's movements.
pub async fn movements(app: &App, id: i64, page: Page) -> Result<Vec<Movement>, Error> {
    let found = movements::list(app.store(), id, page).await?;
    if found.is_empty() {
        // Tells "no movements on this page" from "no such item".
        store::get(app.store(), id).await?;
    }
    Ok(found)
}

/// How many movements a stock item has.
pub async fn count_movements(app: &App, id: i64) -> Result<i64, Error> {
    Ok(movements::count(app.store(), id).await?)
}

/// A page of stock items with at most `threshold` available units, or at or below their reorder points.
pub async fn low_stock(app: &App, threshold: Option<i64>, page: Page) -> Result<Vec<StockItem>, Error> {
    Ok(store::low(app.store(), threshold, page).await?)
}

/// How many stock items [`low_stock`] has.
pub async fn count_low_stock(app: &App, threshold: Option<i64>) -> Result<i64, Error> {
    Ok(store::count_low(app.store(), threshold).await?)
}

/// What all stock is worth, per currency and, where asked for, location or category.
pub async fn value(app: &App, by: Option<ValueBy>) -> Result<Vec<StockValue>, Error> {
    Ok(match by {
        None => store::value(app.store()).await?,
        Some(by) => store::value_by(app.store(), by).await?,
    })
}

/// A page of what stock items held at a moment, from the ledger.
pub async fn at(app: &App, time: Timestamp, filter: &StockFilter, page: Page) -> Result<Vec<StockAt>, Error> {
    Ok(store::at(app.store(), time, filter, page).await?)
}

/// How many stock items [`at`] has.
pub async fn count_at(app: &App, time: Timestamp, filter: &StockFilter) -> Result<i64, Error> {
    Ok(store::count_at(app.store(), time, filter).await?)
}
