//! `channels_redeliver`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::receivers::{self, Resource};
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let (mut work, _) = write.begin().await?;
    let delivery = receivers::redeliver(&mut work, Resource::Channels, id, "channels_redeliver").await?;
    write::taken(work, &delivery).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Tells a channel of an event once more, and tries as often as the first time; a delivery that is still tried begins anew.",
    )
    .taken("On its way.", &examples::test_delivery())
    .problems(&[
        conflict_code(Conflict::ReceiverDisabled),
        conflict_code(Conflict::EventGone),
    ])
}
