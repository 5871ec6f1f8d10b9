//! `inventory_value`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, json},
};
use axum::extract::State;
use inventory_app::inventory;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    query.finish()?;
    json(&inventory::value(context.app()).await?)
}

pub(crate) fn document() -> Document {
    Document::new("What all units on hand are worth at their products' prices, one row per currency.")
        .array("One row per currency.", &examples::stock_value())
}
