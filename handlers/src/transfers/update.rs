//! `transfers_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::transfers;
use inventory_domain::{Conflict, transfer::TransferChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<TransferChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let transfer = transfers::update(&mut work, id, version, &changes).await?;
    write::changed(work, transfer.version, &transfer).await
}

pub(crate) fn document() -> Document {
    Document::new("Changes what a draft says: its note, or all of its lines.")
        .body::<TransferChanges>(json!({ "lines": [{ "product_id": 1, "quantity": 40 }] }))
        .versioned(200, "As it is now.", &examples::draft_transfer())
        .if_match()
        .problems(&[
            conflict_code(Conflict::TransferState),
            conflict_code(Conflict::ProductArchived),
        ])
}
