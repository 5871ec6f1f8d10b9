//! `suppliers_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::suppliers;
use inventory_domain::supplier::Supplier;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<Supplier>(&suppliers::SORTING)?;
    let items = suppliers::list(context.app(), listing.page.clone()).await?;
    let total = listing.total(suppliers::count(context.app())).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Suppliers by id, without what they supply.",
        &[],
        &suppliers::SORTING,
        &examples::supplier().summary(),
    )
}
