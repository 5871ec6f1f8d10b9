//! `suppliers_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::suppliers;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let supplier = suppliers::get(context.app(), id).await?;
    known.answer(supplier.version, &supplier)
}

pub(crate) fn document() -> Document {
    Document::one("A supplier with all that it supplies.", &examples::supplier())
}
