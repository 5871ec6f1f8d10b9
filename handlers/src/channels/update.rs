//! `channels_update`

use crate::{
    examples,
    http::{
        Answer, Id, Write,
        document::Document,
        problem::{self, conflict_code},
        write,
    },
};
use inventory_app::receivers::channels;
use inventory_domain::{Conflict, channel::ChannelChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<ChannelChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let channel = channels::update(&mut work, id, version, changes).await?;
    write::changed(work, channel.version, &channel).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Changes what is given and leaves the rest. A channel that was switched off for failing is switched on with `enabled`; what has \
         happened meanwhile is not told.",
    )
    .body::<ChannelChanges>(json!({ "filter": { "level_min": "critical" } }))
    .versioned(200, "As it is now.", &examples::channel())
    .if_match()
    .problems(&[conflict_code(Conflict::ReceiverNameTaken), problem::NOT_CONFIGURED])
}
