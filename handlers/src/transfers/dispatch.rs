//! `transfers_dispatch`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::transfers;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let transfer = transfers::dispatch(&mut work, id, version).await?;
    write::changed(work, transfer.version, &transfer).await
}

pub(crate) fn document() -> Document {
    Document::new("Sends a transfer off. Its units leave where they were; until they arrive they are on hand nowhere and nobody's.")
        .versioned(200, "As it is now.", &examples::transit_transfer())
        .if_match()
        .problems(&[conflict_code(Conflict::TransferState), conflict_code(Conflict::InsufficientStock)])
}
