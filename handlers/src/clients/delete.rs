//! `clients_delete`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, write},
};
use inventory_app::identity::accounts;
use inventory_domain::account::AccountKind;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let account = accounts::delete(&mut work, AccountKind::Client, id, version).await?;
    write::changed(work, account.version, &account).await
}

pub(crate) fn document() -> Document {
    Document::new("Deletes a client; its tokens are void seconds later. What it did stays in the audit trail.")
        .versioned(200, "As it was.", &examples::client())
        .if_match()
}
