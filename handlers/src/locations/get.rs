//! `locations_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::locations;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let location = locations::get(context.app(), id).await?;
    known.answer(location.version, &*location)
}

pub(crate) fn document() -> Document {
    Document::one("One location.", &examples::location())
}
