//! `customers_erase`

use crate::{
    examples,
    http::{Answer, Id, Nothing, Write, document::Document, write},
};
use inventory_app::customers;

pub(crate) async fn handle(Id(id): Id<i64>, write: Write<Nothing>) -> Answer {
    let (mut work, _) = write.begin().await?;
    let customer = customers::erase(&mut work, id).await?;
    write::changed(work, customer.version, &customer).await
}

pub(crate) fn document() -> Document {
    Document::new(
        "Erases a customer for ever: the reference goes from the customer, from answers kept for repeated requests and from parked \
         messages. Orders, stock and the ledger stay as they are, under the customer's id. Asking again changes nothing; an order \
         under the same reference makes a new customer.",
    )
    .versioned(200, "What is left.", &examples::erased_customer())
}
