//! `counts_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, write},
};
use inventory_app::counts;
use inventory_domain::count::NewCount;
use serde_json::json;

pub(crate) async fn handle(write: Write<NewCount>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let count = counts::create(&mut work, &new).await?;
    let path = format!("/api/v1/counts/{}", count.id);
    write::created(work, path, count.version, &count).await
}

pub(crate) fn document() -> Document {
    Document::new("Opens a count of all stock items that fit: at a location, in a category, of products. It says what is expected of each.")
        .body::<NewCount>(json!({ "name": "Aisle 4", "location_id": 2, "category": "Beverages", "blind": true }))
        .versioned(201, "Created.", &examples::open_count())
}
