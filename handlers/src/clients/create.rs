//! `clients_create`

use crate::{
    examples,
    http::{Answer, Write, document::Document, problem::conflict_code, secret::ClientWithSecret, write},
};
use inventory_app::identity::accounts;
use inventory_domain::{Conflict, account::NewClient};
use serde_json::json;

pub(crate) async fn handle(write: Write<NewClient>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let (client, secret) = accounts::create_client(&mut work, &new).await?;
    let path = format!("/api/v1/clients/{}", client.id);
    let version = client.version;
    write::created_secret(work, path, version, &ClientWithSecret::new(client, &secret)).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Adds a program that signs in with a secret. The secret is in this answer and nowhere else; sent again with the same \
         `Idempotency-Key`, the answer comes without it.",
    )
    .body::<NewClient>(json!({ "name": "web-shop", "role": "clerk" }))
    .versioned(201, "Created.", &examples::client_with_secret())
    .problems(&[conflict_code(Conflict::AccountNameTaken)])
}
