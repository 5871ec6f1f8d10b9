//! `orders_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, Viewer, document::Document},
};
use axum::extract::State;
use inventory_app::{access_log::Shown, orders};
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, viewer: Viewer, known: Known) -> Answer {
    let order = orders::get(context.app(), id).await?;
    viewer.sees([Shown::Customer(order.customer_id)]);
    known.answer(order.version, &order)
}

pub(crate) fn document() -> Document {
    Document::one(
        "An order with its lines and what became of it.",
        &examples::confirmed_order(),
    )
}
