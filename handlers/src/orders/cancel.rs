//! `orders_cancel`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::orders;
use inventory_domain::{Conflict, shipment::NewCancellation};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<NewCancellation>) -> Answer {
    let version = write.version;
    let (mut work, what) = write.begin().await?;
    let order = orders::cancel(&mut work, id, version, &what).await?;
    write::changed(work, order.version, &order).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Calls an order off, or some of its units: what was reserved is available again. What has left stays; an order of which a \
         part has left is shipped when the rest is called off.",
    )
    .body::<NewCancellation>(json!({ "lines": [{ "line": 1, "quantity": 5 }] }))
    .versioned(200, "As it is now.", &examples::confirmed_order())
    .if_match()
    .problems(&[
        conflict_code(Conflict::OrderState),
        conflict_code(Conflict::OrderLineUnits),
    ])
}
