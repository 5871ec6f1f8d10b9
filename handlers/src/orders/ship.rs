//! `orders_ship`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::orders;
use inventory_domain::{Conflict, shipment::NewShipment};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<NewShipment>) -> Answer {
    let version = write.version;
    let (mut work, what) = write.begin().await?;
    let order = orders::ship(&mut work, id, version, &what).await?;
    write::changed(work, order.version, &order).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Records that reserved units of an order have left: all of them, or those that are named. An order may leave in several \
         shipments; with the first its hold is over.",
    )
    .body::<NewShipment>(json!({
        "lines": [{ "line": 1, "quantity": 40 }],
        "carrier": "DHL",
        "tracking": "JJD000390007882812345",
    }))
    .versioned(200, "As it is now.", &examples::partly_shipped_order())
    .if_match()
    .problems(&[
        conflict_code(Conflict::OrderState),
        conflict_code(Conflict::OrderLineUnits),
        conflict_code(Conflict::PaymentMissing),
    ])
}
