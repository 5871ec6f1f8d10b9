//! `returns_create`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::returns;
use inventory_domain::{Conflict, returns::NewReturn};
use serde_json::json;
use uuid::Uuid;

/// A return never changes.
pub(super) const VERSION: i64 = 1;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<NewReturn>) -> Answer {
    let version = write.version;
    let (mut work, new) = write.begin().await?;
    let returned = returns::create(&mut work, id, version, &new).await?;
    let location = format!("/api/v1/returns/{}", returned.id);
    write::created(work, location, VERSION, &returned).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Takes units of an order back that have left: never more than that. What is restocked is on hand again; `If-Match` is \
         about the order.",
    )
    .body::<NewReturn>(json!({
        "lines": [
            { "line": 1, "quantity": 2, "disposition": "restock", "reason": "unwanted" },
            { "line": 1, "quantity": 1, "disposition": "write_off", "reason": "damaged" },
        ],
    }))
    .versioned(201, "It is on the shelf, or written off.", &examples::returned())
    .if_match()
    .problems(&[
        conflict_code(Conflict::OrderLineUnits),
        conflict_code(Conflict::ProductArchived),
        conflict_code(Conflict::StockLimit),
    ])
}
