//! `inventory_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::inventory;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let item = inventory::get(context.app(), id).await?;
    known.answer(item.version, &item)
}

pub(crate) fn document() -> Document {
    Document::one(
        "One product at one location: what is there, what is promised, what is left.",
        &examples::stock_item(),
    )
}
