//! `orders_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::orders;
use inventory_domain::{Conflict, order::NewOrder};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewOrder>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let order = orders::create(&mut work, &new).await?;
    let location = format!("/api/v1/orders/{}", order.id);
    write::accepted(work, location, order.version, &order).await
}

pub(crate) fn document() -> Document {
    Document::new("Takes an order. It is decided from the queue, as a rule at once: watch its status.")
        .body::<NewOrder>(json!({
            "customer": "C-1",
            "on_shortage": "reject",
            "hold_minutes": 60,
            "lines": [{ "product_id": 1, "quantity": 85 }],
        }))
        .versioned(202, "Taken; watch it at `Location`.", &examples::pending_order())
        .problems(&[conflict_code(Conflict::ProductArchived)])
}
