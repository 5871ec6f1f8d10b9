//! `products_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::products;
use inventory_domain::{Conflict, product::NewProduct};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewProduct>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let product = products::create(&mut work, &new).await?;
    let location = format!("/api/v1/products/{}", product.id);
    write::created(work, location, product.version, &product).await
}

pub(crate) fn document() -> Document {
    Document::new("Adds a product to the catalogue. It has no stock yet.")
        .body::<NewProduct>(json!({
            "sku": "TEA-GREEN-100",
            "name": "Green tea, 100 bags",
            "category": "Beverages",
            "barcode": "4006381333931",
            "unit_price_minor": 1_250,
            "currency": "USD",
            "reorder_point": 20,
            "reorder_quantity": 100,
        }))
        .versioned(201, "Created.", &examples::product())
        .problems(&[conflict_code(Conflict::SkuTaken), conflict_code(Conflict::BarcodeTaken)])
}
