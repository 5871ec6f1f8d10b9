//! `imports_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::imports;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let import = imports::get(context.app(), id).await?;
    known.answer(import.version, &import)
}

pub(crate) fn document() -> Document {
    Document::one(
        "How far an import is, what it has done, and the first 200 of the lines that it has refused.",
        &examples::import(),
    )
}
