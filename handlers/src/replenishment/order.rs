//! `replenishment_order`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::replenishment;
use inventory_domain::{Conflict, replenishment::Replenishment};
use serde_json::json;

pub(crate) async fn handle(write: Write<Replenishment>) -> Answer {
    let (mut work, ask) = write.begin().await?;
    let orders = replenishment::order(&mut work, &ask).await?;
    write::done(work, &orders).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Turns suggestions into purchase orders, one per supplier and location: drafts, or ordered at once with `place`. What is \
         suggested is worked out again while nobody else can change it: asked twice, it orders once.",
    )
    .body::<Replenishment>(json!({ "items": [{ "stock_item_id": 1 }], "place": true }))
    .array("The purchase orders, one per supplier and location.", &examples::purchase())
    .problems(&[conflict_code(Conflict::NotSuggested)])
}
