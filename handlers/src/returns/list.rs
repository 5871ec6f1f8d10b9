//! `returns_list`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::{Sorting, returns};
use inventory_domain::returns::Return;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, query: Query) -> Answer {
    let listing = query.list::<Return>(&Sorting::BY_PLACE)?;
    let items = returns::of_order(context.app(), id, listing.page.clone()).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What came back of an order, oldest first.",
        &[],
        &Sorting::BY_PLACE,
        &examples::returned(),
    )
}
