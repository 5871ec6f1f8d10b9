//! `users_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, write},
};
use inventory_app::identity::accounts;
use inventory_domain::account::{AccountChanges, AccountKind};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<AccountChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let account = accounts::update(&mut work, AccountKind::User, id, version, &changes).await?;
    write::changed(work, account.version, &account).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Changes what is given and leaves the rest. Seconds later it holds for tokens that were given before.",
    )
    .body::<AccountChanges>(json!({ "role": "viewer", "revoke_tokens": true }))
    .versioned(200, "As it is now.", &examples::user())
    .if_match()
}
