//! `customers_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, Viewer, document::Document},
};
use axum::extract::State;
use inventory_app::{access_log::Shown, customers};

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, viewer: Viewer, known: Known) -> Answer {
    let customer = customers::get(context.app(), id).await?;
    viewer.sees([Shown::Customer(id)]);
    known.answer(customer.version, &customer)
}

pub(crate) fn document() -> Document {
    Document::one("A customer: a reference and nothing else.", &examples::customer())
}
