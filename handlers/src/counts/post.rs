//! `counts_post`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::counts;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let count = counts::post(&mut work, id, version).await?;
    write::changed(work, count.version, &count).await
}

pub(crate) fn document() -> Document {
    Document::new("Puts the differences of all counted lines into the ledger, with the reason `count`. What was sold or received since a line was counted stays. Lines that cannot be posted say why in `outcome`; posting again tries those that were blocked.")
        .versioned(200, "As it is now.", &examples::count())
        .if_match()
        .problems(&[conflict_code(Conflict::CountState)])
}
