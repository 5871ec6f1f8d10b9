//! `transfers_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::transfers;
use inventory_domain::{Conflict, transfer::NewTransfer};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewTransfer>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let transfer = transfers::create(&mut work, &new).await?;
    let location = format!("/api/v1/transfers/{}", transfer.id);
    write::created(work, location, transfer.version, &transfer).await
}

pub(crate) fn document() -> Document {
    Document::new("Plans to move stock from one location to another. Nothing moves before it is dispatched.")
        .body::<NewTransfer>(json!({
            "from_location": "MAIN",
            "to_location_id": 2,
            "lines": [{ "product_id": 1, "quantity": 40 }],
        }))
        .versioned(201, "A draft.", &examples::draft_transfer())
        .problems(&[conflict_code(Conflict::ProductArchived)])
}
