//! `purchases_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::purchases;
use inventory_domain::{Conflict, purchase::PurchaseChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<PurchaseChanges>) -> Answer {
    let version = write.version;
    let (mut work, input) = write.begin().await?;
    let purchase = purchases::update(&mut work, id, version, &input).await?;
    write::changed(work, purchase.version, &purchase).await
}

pub(crate) fn document() -> Document {
    Document::new("Changes what is given and leaves the rest. Lines can be changed as long as it is a draft.")
        .body::<PurchaseChanges>(json!({ "reference": "NW-20260105" }))
        .versioned(200, "As it is now.", &examples::draft_purchase())
        .if_match()
        .problems(&[
            conflict_code(Conflict::PurchaseState),
            conflict_code(Conflict::ProductNotReordered),
        ])
}
