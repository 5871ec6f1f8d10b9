//! `webhooks_rotate`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem, secret::WebhookWithSecret, write},
};
use inventory_app::receivers::webhooks;
use inventory_domain::account::Rotation;
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Rotation>) -> Answer {
    let version = write.version;
    let (mut work, rotation) = write.begin().await?;
    let (webhook, secret) = webhooks::rotate(&mut work, id, version, &rotation).await?;
    let version = webhook.version;
    write::changed_secret(work, version, &WebhookWithSecret::new(webhook, Some(secret))).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Gives a webhook another secret; for a while both sign. The secret is in this answer and nowhere else; sent again with the same \
         `Idempotency-Key`, the answer comes without it.",
    )
    .body::<Rotation>(json!({ "overlap_hours": 24 }))
    .versioned(200, "As it is now, with the new secret.", &examples::webhook_with_secret())
    .if_match()
    .problems(&[problem::NOT_CONFIGURED])
}
