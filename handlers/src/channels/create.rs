//! `channels_create`

use crate::{
    examples,
    http::{
        Answer, Write,
        document::Document,
        problem::{self, conflict_code},
        secret::ChannelWithSecret,
        write,
    },
};
use inventory_app::receivers::channels;
use inventory_domain::{Conflict, channel::NewChannel};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewChannel>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let (channel, secret) = channels::create(&mut work, new).await?;
    let path = format!("/api/v1/channels/{}", channel.id);
    let version = channel.version;
    write::created_secret(work, path, version, &ChannelWithSecret::new(channel, secret)).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Adds a channel that is told of alerts (low, out, recovered, and again when an alert's rest is over): a signed webhook, e-mails, an \
         incoming webhook of Teams or Slack, or a text message by Twilio. What fails is tried again as for webhooks. Secrets are never \
         shown; that of a channel that is a webhook is in this answer and nowhere else.",
    )
    .body::<NewChannel>(json!({
        "kind": "slack",
        "name": "Warehouse team",
        "url": "https://hooks.slack.com/services/T000/B000/XXXX",
        "filter": { "alerts": ["low", "out"], "location_ids": [2] },
    }))
    .versioned(201, "Created.", &examples::channel_with_secret())
    .problems(&[
        conflict_code(Conflict::ReceiverNameTaken),
        conflict_code(Conflict::ReceiverLimit),
        problem::NOT_CONFIGURED,
    ])
}
