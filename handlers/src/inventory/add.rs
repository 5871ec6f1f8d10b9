//! `inventory_add`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::inventory;
use inventory_domain::{Conflict, stock::AddStock};
use serde_json::json;

pub(crate) async fn handle(write: Write<AddStock>) -> Answer {
    let (mut work, add) = write.begin().await?;
    let (item, is_new) = inventory::add(&mut work, &add).await?;
    if is_new {
        let location = format!("/api/v1/inventory/{}", item.id);
        write::created(work, location, item.version, &item).await
    } else {
        write::changed(work, item.version, &item).await
    }
}

pub(crate) fn document() -> Document {
    let item = examples::stock_item();
    Document::new("Adds units of a product at a location (`MAIN` where none is named; an unknown name is created).")
        .body::<AddStock>(json!({ "product_id": 1, "quantity": 100, "location": "Warehouse A" }))
        .versioned(200, "Added to what was there.", &item)
        .versioned(201, "The product's first units at this location.", &item)
        .problems(&[
            conflict_code(Conflict::ProductArchived),
            conflict_code(Conflict::StockLimit),
        ])
}
