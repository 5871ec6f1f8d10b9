//! `inventory_movements`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::inventory;
use inventory_domain::movement::Movement;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, query: Query) -> Answer {
    let listing = query.list::<Movement>(&inventory::MOVEMENTS_SORTING)?;
    let items = inventory::movements(context.app(), id, listing.page.clone()).await?;
    let total = listing.total(inventory::count_movements(context.app(), id)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "The ledger of a stock item, oldest first: its levels are the sums of the deltas.",
        &[],
        &inventory::MOVEMENTS_SORTING,
        &examples::movement(),
    )
}
