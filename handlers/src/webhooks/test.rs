//! `webhooks_test`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, problem::conflict_code, write},
};
use inventory_app::receivers::webhooks;
use inventory_domain::Conflict;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let (mut work, _) = write.begin().await?;
    let delivery = webhooks::test(&mut work, id).await?;
    write::taken(work, &delivery).await
}

pub(crate) fn document() -> Document {
    Document::new("Sends a webhook an event of the type `inventory.receiver.test`, whatever it wants otherwise. Watch its deliveries.")
        .taken("On its way.", &examples::test_delivery())
        .problems(&[conflict_code(Conflict::ReceiverDisabled)])
}
