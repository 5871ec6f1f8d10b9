//! `locations_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::locations;
use inventory_domain::{Conflict, location::NewLocation};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewLocation>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let location = locations::create(&mut work, &new).await?;
    let path = format!("/api/v1/locations/{}", location.id);
    write::created(work, path, location.version, &location).await
}

pub(crate) fn document() -> Document {
    Document::new("Adds a place for stock. Its code is made from its name where none is given.")
        .body::<NewLocation>(json!({ "name": "Warehouse A", "priority": 10 }))
        .versioned(201, "Created.", &examples::location())
        .problems(&[
            conflict_code(Conflict::LocationCodeTaken),
            conflict_code(Conflict::LocationNameTaken),
        ])
}
