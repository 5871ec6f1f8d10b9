//! `channels_test`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::receivers::channels;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let (mut work, _) = write.begin().await?;
    let delivery = channels::test(&mut work, id).await?;
    write::taken(work, &delivery).await
}

pub(crate) fn document() -> Document {
    Document::new("Sends a channel a message that says what it is for. Watch its deliveries.")
        .taken("On its way.", &examples::test_delivery())
        .problems(&[conflict_code(Conflict::ReceiverDisabled)])
}
