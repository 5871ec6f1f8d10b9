//! `purchases_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::purchases;
use inventory_domain::{Conflict, purchase::NewPurchaseOrder};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewPurchaseOrder>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let purchase = purchases::create(&mut work, &new).await?;
    let path = format!("/api/v1/purchase-orders/{}", purchase.id);
    write::created(work, path, purchase.version, &purchase).await
}

pub(crate) fn document() -> Document {
    Document::new("Writes a purchase order as a draft: nothing is on its way until it is ordered.")
        .body::<NewPurchaseOrder>(
            json!({ "supplier_id": 1, "location_id": 2, "lines": [{ "product_id": 1, "quantity": 120 }] }),
        )
        .versioned(201, "Created.", &examples::draft_purchase())
        .problems(&[
            conflict_code(Conflict::SupplierDisabled),
            conflict_code(Conflict::ProductNotReordered),
        ])
}
