//! `locations_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::locations;
use inventory_domain::{Conflict, location::LocationChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<LocationChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let location = locations::update(&mut work, id, version, &changes).await?;
    write::changed(work, location.version, &location).await
}

pub(crate) fn document() -> Document {
    Document::new("Changes what is given and leaves the rest.")
        .body::<LocationChanges>(json!({ "priority": 10 }))
        .versioned(200, "As it is now.", &examples::location())
        .if_match()
        .problems(&[
            conflict_code(Conflict::LocationCodeTaken),
            conflict_code(Conflict::LocationNameTaken),
        ])
}
