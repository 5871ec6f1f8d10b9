//! `transfers_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::transfers;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let transfer = transfers::get(context.app(), id).await?;
    known.answer(transfer.version, &transfer)
}

pub(crate) fn document() -> Document {
    Document::one(
        "A transfer with what was sent and what has arrived.",
        &examples::received_transfer(),
    )
}
