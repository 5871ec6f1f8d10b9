//! `returns_get`

use super::create::VERSION;
use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::returns;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, known: Known) -> Answer {
    let returned = returns::get(context.app(), id).await?;
    known.answer(VERSION, &returned)
}

pub(crate) fn document() -> Document {
    Document::one("What came back together of an order.", &examples::returned())
}
