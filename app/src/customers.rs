//! Customers: who ordered, and how a person is erased.

use crate::{App, Call, Error, Page, Reply, Work, work::Begun};
use inventory_domain::{Refusal, customer::Customer};
use inventory_store::erasure as store;
pub use inventory_store::erasure::{CustomerFilter, SORTING};

/// A page of customers, by id.
pub async fn list(app: &App, filter: &CustomerFilter, page: Page) -> Result<Vec<Customer>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many customers.
pub async fn count(app: &App, filter: &CustomerFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One customer.
pub async fn get(app: &App, id: i64) -> Result<Customer, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Erases a customer: what says who it was goes, orders and the ledger stay. Again: nothing happens.
pub async fn erase(work: &mut Work, id: i64) -> Result<Customer, Error> {
    Ok(store::erase(work, id).await?)
}

/// Erases the customer with this reference or, where it is a number and nobody's reference, with this id. For operators, who are
/// told a reference and not an id.
pub async fn erase_named(app: &App, call: Call, name: &str) -> Result<Customer, Error> {
    let filter = CustomerFilter {
        reference: Some(name.to_owned()),
        erased: None,
    };
    let named = list(app, &filter, Page::new(0, 1)).await?;
    let id = match (named.first(), name.parse()) {
        (Some(customer), _) => customer.id,
        (None, Ok(id)) => id,
        (None, Err(_)) => return Err(Refusal::not_found("customer", name).into()),
    };
    let Begun::Work(mut work) = app.begin(call).await? else {
        // Only a call with an idempotency key is answered from memory.
        return get(app, id).await;
    };
    let customer = erase(&mut work, id).await?;
    // Nobody asks for this reply again: there is no idempotency key to keep it with.
    work.commit(Reply {
        code: 0,
        location: None,
        version: None,
        body: String::new(),
    })
    .await?;
    Ok(customer)
}
