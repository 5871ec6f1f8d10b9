//! `reservations_extend`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::holds;
use inventory_domain::{Conflict, hold::HoldExtension};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<HoldExtension>) -> Answer {
    let version = write.version;
    let (mut work, extension) = write.begin().await?;
    let hold = holds::extend(&mut work, id, version, extension).await?;
    write::changed(work, hold.version, &hold).await
}

pub(crate) fn document() -> Document {
    Document::new("Gives a reservation another end, so many seconds from now on.")
        .body::<HoldExtension>(json!({ "expires_in_seconds": 900 }))
        .versioned(200, "As it is now.", &examples::hold())
        .if_match()
        .problems(&[conflict_code(Conflict::ReservationState)])
}
