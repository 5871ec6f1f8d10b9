//! `inventory_value`

use crate::{
    examples,
    http::{
        Answer, Context, Query,
        document::Document,
        json,
        query::{Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::inventory;
use inventory_domain::stock::ValueBy;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let by = query.word("by", ValueBy::parse, ValueBy::ALL);
    query.finish()?;
    json(&inventory::value(context.app(), by).await?)
}

pub(crate) fn document() -> Document {
    let by = Parameter {
        name: "by",
        description: "Told apart by this, too.",
        kind: Kind::Words(|| ValueBy::ALL.iter().map(|word| word.as_str()).collect()),
        example: "location",
    };
    let mut document =
        Document::new("What all units on hand are worth at their products' prices, one row per currency.");
    document.query.push(by);
    document.array(
        "One row per currency, and per location or category where asked for.",
        &examples::stock_value(),
    )
}
