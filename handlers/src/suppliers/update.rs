//! `suppliers_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::suppliers;
use inventory_domain::{Conflict, supplier::SupplierChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<SupplierChanges>) -> Answer {
    let version = write.version;
    let (mut work, input) = write.begin().await?;
    let supplier = suppliers::update(&mut work, id, version, &input).await?;
    write::changed(work, supplier.version, &supplier).await
}

pub(crate) fn document() -> Document {
    Document::new("Changes what is given and leaves the rest. `products` is all that is supplied from then on.")
        .body::<SupplierChanges>(json!({ "enabled": false }))
        .versioned(200, "As it is now.", &examples::supplier())
        .if_match()
        .problems(&[conflict_code(Conflict::SupplierCodeTaken)])
}
