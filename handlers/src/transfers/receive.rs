//! `transfers_receive`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::transfers;
use inventory_domain::{Conflict, transfer::TransferReceipt};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<TransferReceipt>) -> Answer {
    let version = write.version;
    let (mut work, receipt) = write.begin().await?;
    let transfer = transfers::receive(&mut work, id, version, &receipt).await?;
    write::changed(work, transfer.version, &transfer).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Records what has arrived. Without a body all has; name the lines of which something is missing. What is missing is in the \
         ledger as a loss.",
    )
    .body::<TransferReceipt>(json!({ "lines": [{ "line": 1, "quantity": 39 }] }))
    .versioned(200, "As it is now.", &examples::received_transfer())
    .if_match()
    .problems(&[conflict_code(Conflict::TransferState), conflict_code(Conflict::StockLimit)])
}
