//! `transfers_cancel`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::transfers;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let transfer = transfers::cancel(&mut work, id, version).await?;
    write::changed(work, transfer.version, &transfer).await
}

pub(crate) fn document() -> Document {
    Document::new("Calls a transfer off. What is on its way is back where it came from.")
        .versioned(200, "As it is now.", &examples::cancelled_transfer())
        .if_match()
        .problems(&[
            conflict_code(Conflict::TransferState),
            conflict_code(Conflict::StockLimit),
        ])
}
