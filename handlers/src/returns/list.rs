//! `returns_list`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::returns;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, query: Query) -> Answer {
    let listing = query.page()?;
    let items = returns::of_order(context.app(), id, listing.page).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What came back of an order, oldest first.",
        &[],
        false,
        &examples::returned(),
    )
}
