//! `suppliers_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::suppliers;
use inventory_domain::{Conflict, supplier::NewSupplier};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewSupplier>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let supplier = suppliers::create(&mut work, &new).await?;
    let path = format!("/api/v1/suppliers/{}", supplier.id);
    write::created(work, path, supplier.version, &supplier).await
}

pub(crate) fn document() -> Document {
    Document::new("Adds a supplier with what it supplies and on which terms: lead time, minimum quantity, pack size, cost.")
        .body::<NewSupplier>(json!({
            "name": "Northwind Traders",
            "products": [{ "product_id": 1, "lead_time_days": 7, "pack_size": 12, "unit_cost_minor": 610, "safety_stock": 5 }],
        }))
        .versioned(201, "Created.", &examples::supplier())
        .problems(&[conflict_code(Conflict::SupplierCodeTaken)])
}
