//! `reservations_release`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::holds;
use inventory_domain::Conflict;
use uuid::Uuid;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let hold = holds::release(&mut work, id, version).await?;
    write::changed(work, hold.version, &hold).await
}

pub(crate) fn document() -> Document {
    Document::new("Gives a reservation back before its time: its units are available again.")
        .versioned(200, "As it is now.", &examples::released_hold())
        .if_match()
        .problems(&[conflict_code(Conflict::ReservationState)])
}
