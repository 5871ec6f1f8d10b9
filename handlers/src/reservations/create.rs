//! `reservations_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::holds;
use inventory_domain::{Conflict, hold::NewHold};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewHold>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let hold = holds::create(&mut work, &new).await?;
    let location = format!("/api/v1/reservations/{}", hold.id);
    write::created(work, location, hold.version, &hold).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Holds units for a while: all of them or none. When the time is up they are available again; before, turn the \
         reservation into an order, extend it or release it.",
    )
    .body::<NewHold>(json!({
        "reference": "cart-7",
        "expires_in_seconds": 900,
        "lines": [{ "product_id": 1, "quantity": 5 }],
    }))
    .versioned(201, "Held.", &examples::hold())
    .problems(&[
        conflict_code(Conflict::InsufficientStock),
        conflict_code(Conflict::ProductArchived),
    ])
}
