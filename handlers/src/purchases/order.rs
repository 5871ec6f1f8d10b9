//! `purchases_order`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::purchases;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let purchase = purchases::order(&mut work, id, version).await?;
    write::changed(work, purchase.version, &purchase).await
}

pub(crate) fn document() -> Document {
    Document::new("Orders a draft: its units are incoming at the location until they are received.")
        .versioned(200, "As it is now.", &examples::purchase())
        .if_match()
        .problems(&[
            conflict_code(Conflict::PurchaseState),
            conflict_code(Conflict::SupplierDisabled),
            conflict_code(Conflict::ProductNotReordered),
        ])
}
