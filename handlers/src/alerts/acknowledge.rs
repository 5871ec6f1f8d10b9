//! `alerts_acknowledge`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::alerts;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let alert = alerts::acknowledge(&mut work, id, version).await?;
    write::changed(work, alert.version, &alert).await
}

pub(crate) fn document() -> Document {
    Document::new("Takes an alert on: it stays until the stock has recovered.")
        .versioned(200, "As it is now.", &examples::alert())
        .if_match()
        .problems(&[conflict_code(Conflict::AlertCleared)])
}
