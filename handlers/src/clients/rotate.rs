//! `clients_rotate`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, secret::ClientWithSecret, write},
};
use inventory_app::identity::accounts;
use inventory_domain::account::Rotation;
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Rotation>) -> Answer {
    let version = write.version;
    let (mut work, rotation) = write.begin().await?;
    let (client, secret) = accounts::rotate(&mut work, id, version, &rotation).await?;
    let version = client.version;
    write::changed_secret(work, version, &ClientWithSecret::new(client, &secret)).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Gives a client another secret; for a while the former one is good too. The secret is in this answer and nowhere else.",
    )
    .body::<Rotation>(json!({ "overlap_hours": 24 }))
    .versioned(200, "As it is now, with the new secret.", &examples::client_with_secret())
    .if_match()
}
