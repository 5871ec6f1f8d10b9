//! `orders_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::orders;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, known: Known) -> Answer {
    let order = orders::get(context.app(), id).await?;
    known.answer(order.version, &order)
}

pub(crate) fn document() -> Document {
    Document::one(
        "An order with its lines and what became of it.",
        &examples::confirmed_order(),
    )
}
