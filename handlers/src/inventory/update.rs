//! `inventory_update`

use crate::{
    examples,
    http::{
        Answer, Id, Write,
        document::Document,
        problem::{self, conflict_code},
        write,
    },
};
use inventory_app::inventory;
use inventory_domain::{Conflict, stock::StockChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<StockChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let item = inventory::update(&mut work, id, version, &changes).await?;
    write::changed(work, item.version, &item).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Sets the units on hand after a count, or the reorder point. A quantity needs `If-Match`, since it would undo what \
         happened after it was read; to add or take away, adjust instead.",
    )
        .body::<StockChanges>(json!({ "quantity": 100, "reorder_point": 20 }))
        .versioned(200, "As it is now.", &examples::stock_item())
        .if_match()
        .problems(&[
            problem::VERSION_REQUIRED,
            conflict_code(Conflict::InsufficientStock),
            conflict_code(Conflict::ProductArchived),
        ])
}
