//! `purchases_receive`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::purchases;
use inventory_domain::{Conflict, purchase::Receipt};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Receipt>) -> Answer {
    let version = write.version;
    let (mut work, input) = write.begin().await?;
    let purchase = purchases::receive(&mut work, id, version, &input).await?;
    write::changed(work, purchase.version, &purchase).await
}

pub(crate) fn document() -> Document {
    Document::new("Adds what has come to the stock of the location. More than is outstanding is refused unless `allow_over_receipt` says otherwise. Send an `Idempotency-Key`, so that a receipt that is sent twice is received once.")
        .body::<Receipt>(json!({ "lines": [{ "product_id": 1, "quantity": 48 }] }))
        .versioned(200, "As it is now.", &examples::partly_received_purchase())
        .if_match()
        .problems(&[
            conflict_code(Conflict::PurchaseState),
            conflict_code(Conflict::OverReceipt),
            conflict_code(Conflict::ProductArchived),
            conflict_code(Conflict::StockLimit),
        ])
}
