//! `inventory_adjust`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::inventory;
use inventory_domain::{Conflict, stock::AdjustStock};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<AdjustStock>) -> Answer {
    let version = write.version;
    let (mut work, adjust) = write.begin().await?;
    let item = inventory::adjust(&mut work, id, version, &adjust).await?;
    write::changed(work, item.version, &item).await
}

pub(crate) fn document() -> Document {
    Document::new("Adds or takes away units for a reason. Units promised to orders cannot be taken away.")
        .body::<AdjustStock>(json!({ "delta": -3, "reason": "damage", "note": "water damage" }))
        .versioned(200, "As it is now.", &examples::stock_item())
        .if_match()
        .problems(&[
            conflict_code(Conflict::InsufficientStock),
            conflict_code(Conflict::StockLimit),
            conflict_code(Conflict::ProductArchived),
        ])
}
