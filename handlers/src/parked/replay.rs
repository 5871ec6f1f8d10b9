//! `parked_replay`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::parked;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let (mut work, _) = write.begin().await?;
    let message = parked::replay(&mut work, id).await?;
    write::changed(work, message.version, &message).await
}

pub(crate) fn document() -> Document {
    Document::new("Sends a parked message to the queue it came from once more.")
        .versioned(200, "As it is now.", &examples::parked_message())
        .problems(&[
            conflict_code(Conflict::AlreadyReplayed),
            conflict_code(Conflict::NotReplayable),
        ])
}
