//! `keys_revoke`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, write},
};
use inventory_app::identity::accounts;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let key = accounts::revoke_key(&mut work, id, version).await?;
    write::changed(work, key.version, &key).await
}

pub(crate) fn document() -> Document {
    Document::new("Revokes an API key for ever; seconds later it is refused everywhere.")
        .versioned(200, "As it is now.", &examples::api_key())
        .if_match()
}
