//! `reservations_commit`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::holds;
use inventory_domain::{Conflict, hold::HoldCommit};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<HoldCommit>) -> Answer {
    let version = write.version;
    let (mut work, commit) = write.begin().await?;
    let (order, is_new) = holds::commit(&mut work, id, version, &commit).await?;
    if is_new {
        let location = format!("/api/v1/orders/{}", order.id);
        write::created(work, location, order.version, &order).await
    } else {
        write::changed(work, order.version, &order).await
    }
}

pub(crate) fn document() -> Document {
    let order = examples::confirmed_order();
    Document::new(
        "Turns a reservation into an order that has its id and exactly its units, confirmed at once. Asking again gives the order \
         as it is now.",
    )
    .body::<HoldCommit>(json!({ "customer": "C-1", "hold_minutes": 60 }))
    .versioned(201, "The order.", &order)
    .versioned(200, "The order, which it became before.", &order)
    .if_match()
    .problems(&[conflict_code(Conflict::ReservationState)])
}
