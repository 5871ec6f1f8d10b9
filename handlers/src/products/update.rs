//! `products_update`

use crate::{
    examples,
    http::{Answer, Id, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::products;
use inventory_domain::{Conflict, product::ProductChanges};
use serde_json::json;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<ProductChanges>) -> Answer {
    let version = write.version;
    let (mut work, changes) = write.begin().await?;
    let product = products::update(&mut work, id, version, &changes).await?;
    write::changed(work, product.version, &product).await
}

pub(crate) fn document() -> Document {
    Document::new("Changes what is given and leaves the rest; `null` empties a value that may be empty.")
        .body::<ProductChanges>(json!({ "name": "Green tea, 100 bags", "reorder_point": 20 }))
        .versioned(200, "As it is now.", &examples::product())
        .if_match()
        .problems(&[
            conflict_code(Conflict::SkuTaken),
            conflict_code(Conflict::BarcodeTaken),
            conflict_code(Conflict::ProductArchived),
        ])
}
