//! `counts_cancel`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::counts;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let count = counts::cancel(&mut work, id, version).await?;
    write::changed(work, count.version, &count).await
}

pub(crate) fn document() -> Document {
    Document::new("Calls an open count off: nothing of it is posted.")
        .versioned(200, "As it is now.", &examples::cancelled_count())
        .if_match()
        .problems(&[conflict_code(Conflict::CountState)])
}
