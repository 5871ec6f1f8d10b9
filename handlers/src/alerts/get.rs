//! `alerts_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::alerts;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let alert = alerts::get(context.app(), id).await?;
    known.answer(alert.version, &alert)
}

pub(crate) fn document() -> Document {
    Document::one("One alert.", &examples::alert())
}
