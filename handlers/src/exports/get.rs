//! `exports_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::exports;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let export = exports::get(context.app(), id).await?;
    known.answer(export.version, &export)
}

pub(crate) fn document() -> Document {
    Document::one("How far an export is.", &examples::export())
}
