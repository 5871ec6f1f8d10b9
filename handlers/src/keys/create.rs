//! `keys_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, secret::KeyWithSecret, write},
};
use inventory_app::identity::accounts;
use inventory_domain::{Conflict, account::NewApiKey};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewApiKey>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let (key, secret) = accounts::create_key(&mut work, &new).await?;
    let path = format!("/api/v1/api-keys/{}", key.id);
    let version = key.version;
    write::created_secret(work, path, version, &KeyWithSecret::new(key, &secret)).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Makes a key for `X-API-Key`. It is in this answer and nowhere else; sent again with the same `Idempotency-Key`, the \
         answer comes without it.",
    )
    .body::<NewApiKey>(json!({ "name": "Scanner at the dock", "role": "clerk", "expires_in_days": 90 }))
    .versioned(201, "Made.", &examples::key_with_secret())
    .problems(&[conflict_code(Conflict::ApiKeyNameTaken)])
}
