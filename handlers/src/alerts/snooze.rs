//! `alerts_snooze`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::alerts;
use inventory_domain::{Conflict, alert::Snooze};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Snooze>) -> Answer {
    let version = write.version;
    let (mut work, snooze) = write.begin().await?;
    let alert = alerts::snooze(&mut work, id, version, &snooze).await?;
    write::changed(work, alert.version, &alert).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Lets an alert rest: channels are told nothing of it until the time is over, and are then reminded if the stock has not recovered.",
    )
    .body::<Snooze>(json!({ "minutes": 240 }))
    .versioned(200, "As it is now.", &examples::snoozed_alert())
    .if_match()
    .problems(&[conflict_code(Conflict::AlertCleared)])
}
