//! `orders_ship`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::orders;
use inventory_domain::Conflict;
use uuid::Uuid;

pub(crate) async fn handle(Id(id): Id<Uuid>, write: Write<Nothing>) -> Answer {
    let version = write.version;
    let (mut work, _) = write.begin().await?;
    let order = orders::ship(&mut work, id, version).await?;
    write::changed(work, order.version, &order).await
}

pub(crate) fn document() -> Document {
    Document::new("Records that the reserved units of a confirmed order have left.")
        .versioned(200, "As it is now.", &examples::confirmed_order())
        .if_match()
        .problems(&[conflict_code(Conflict::OrderState)])
}
