//! `purchases_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::purchases;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let purchase = purchases::get(context.app(), id).await?;
    known.answer(purchase.version, &purchase)
}

pub(crate) fn document() -> Document {
    Document::one(
        "A purchase order with its lines, and what of them has come.",
        &examples::purchase(),
    )
}
