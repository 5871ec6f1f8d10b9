//! `products_archive`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::products;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let product = products::archive(&mut work, id, version).await?;
    write::changed(work, product.version, &product).await
}

pub(crate) fn document() -> Document {
    Document::new("Takes a product out of the catalogue for ever. It must have no stock; its history stays.")
        .versioned(200, "As it is now.", &examples::product())
        .if_match()
        .problems(&[
            conflict_code(Conflict::ProductHasStock),
            conflict_code(Conflict::ProductArchived),
        ])
}
