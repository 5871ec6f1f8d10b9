//! `products_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::products;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let product = products::get(context.app(), id).await?;
    known.answer(product.version, &*product)
}

pub(crate) fn document() -> Document {
    Document::one("One product.", &examples::product())
}
