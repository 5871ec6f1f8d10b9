//! `webhooks_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::receivers::webhooks;
use inventory_domain::{Conflict, webhook::WebhookChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<WebhookChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let webhook = webhooks::update(&mut work, id, version, &changes).await?;
    write::changed(work, webhook.version, &webhook).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Changes what is given and leaves the rest. While a webhook is switched off nothing is kept for it, and what was on its way to \
         it is given up.",
    )
    .body::<WebhookChanges>(json!({ "events": ["inventory.order.*"] }))
    .versioned(200, "As it is now.", &examples::webhook())
    .if_match()
    .problems(&[conflict_code(Conflict::ReceiverNameTaken)])
}
