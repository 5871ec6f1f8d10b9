//! `channels_delete`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, write},
};
use inventory_app::receivers::channels;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let channel = channels::delete(&mut work, id, version).await?;
    write::changed(work, channel.version, &channel).await
}

pub(crate) fn document() -> Document {
    Document::new("Deletes a channel with its deliveries. What is on its way to it is given up.")
        .versioned(200, "As it was.", &examples::channel())
        .if_match()
}
