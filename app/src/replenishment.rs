//! What should be ordered, and ordering it.

use crate::{App, Error, Page, Work, clock};
use inventory_domain::{
    purchase::PurchaseOrder,
    replenishment::{Horizon, Replenishment, Suggestion},
};
use inventory_store::replenishment as store;
pub use inventory_store::replenishment::SuggestionFilter;

/// A page of what should be ordered now.
pub async fn suggestions(
    app: &App,
    filter: &SuggestionFilter,
    horizon: Horizon,
    page: Page,
) -> Result<Vec<Suggestion>, Error> {
    Ok(store::suggestions(app.store(), filter, horizon, clock(), page).await?)
}

/// Turns suggestions into purchase orders, one per supplier and location.
pub async fn order(work: &mut Work, ask: &Replenishment) -> Result<Vec<PurchaseOrder>, Error> {
    Ok(store::order(work, ask).await?)
}
