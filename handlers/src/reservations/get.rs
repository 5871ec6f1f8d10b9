//! `reservations_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::holds;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, known: Known) -> Answer {
    let hold = holds::get(context.app(), id).await?;
    known.answer(hold.version, &hold)
}

pub(crate) fn document() -> Document {
    Document::one("A reservation: what is held where, and until when.", &examples::hold())
}
