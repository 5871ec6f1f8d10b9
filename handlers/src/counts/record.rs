//! `counts_record`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::counts;
use inventory_domain::{Conflict, Role, count::Record};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Record>) -> Answer {
    let (version, is_manager) = (write.version, write.asker.may(Role::Manager));
    let (mut work, record) = write.begin().await?;
    let count = counts::record(&mut work, id, version, &record).await?;
    let count = if is_manager { count } else { count.hidden() };
    write::changed(work, count.version, &count).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Records what was counted, with what the ledger says at that moment (`counted_at`, or now). A line that was counted before \
         is counted anew. Answers with the lines that were recorded.",
    )
    .body::<Record>(json!({ "lines": [{ "stock_item_id": 1, "counted": 97 }] }))
    .versioned(200, "As it is now.", &examples::recorded_count())
    .if_match()
    .problems(&[conflict_code(Conflict::CountState)])
}
