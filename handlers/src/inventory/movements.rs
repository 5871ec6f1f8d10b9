//! `inventory_movements`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::inventory;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, query: Query) -> Answer {
    let listing = query.page()?;
    let items = inventory::movements(context.app(), id, listing.page).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "The ledger of a stock item, oldest first: its levels are the sums of the deltas.",
        &[],
        false,
        &examples::movement(),
    )
}
