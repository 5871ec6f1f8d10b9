//! `webhooks_delete`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, write},
};
use inventory_app::receivers::webhooks;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let webhook = webhooks::delete(&mut work, id, version).await?;
    write::changed(work, webhook.version, &webhook).await
}

pub(crate) fn document() -> Document {
    Document::new("Deletes a webhook with its deliveries. What is on its way to it is given up.")
        .versioned(200, "As it was.", &examples::webhook())
        .if_match()
}
