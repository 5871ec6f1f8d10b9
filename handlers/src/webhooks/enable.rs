//! `webhooks_enable`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, write},
};
use inventory_app::receivers::webhooks;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let webhook = webhooks::enable(&mut work, id, version).await?;
    write::changed(work, webhook.version, &webhook).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Switches a webhook on again, whatever it was switched off for. It is told what happens from now on; what it has missed can be \
         sent again delivery by delivery.",
    )
    .versioned(200, "As it is now.", &examples::webhook())
    .if_match()
}
