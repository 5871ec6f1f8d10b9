//! `purchases_cancel`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::purchases;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let purchase = purchases::cancel(&mut work, id, version).await?;
    write::changed(work, purchase.version, &purchase).await
}

pub(crate) fn document() -> Document {
    Document::new("Calls a purchase order off. What has come stays, the rest is no longer incoming.")
        .versioned(200, "As it is now.", &examples::cancelled_purchase())
        .if_match()
        .problems(&[conflict_code(Conflict::PurchaseState)])
}
