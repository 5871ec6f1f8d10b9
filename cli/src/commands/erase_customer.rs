//! `inventory erase-customer`

use crate::{ALL_WELL, database, failure::Failure, output::Output};
use inventory_app::{Call, customers};

pub(crate) async fn run(url: Option<&str>, customer: &str, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let caller = database::caller();
    let call = Call {
        operation: "customers_erase",
        actor: caller.actor,
        request_id: caller.request_id,
        address: None,
        trace: None,
        idempotency: None,
    };
    let erased = customers::erase_named(&app, call, customer).await;
    app.shutdown().await;
    let erased = erased?;
    // Not the reference that was asked for: it would outlive the erasure in a log.
    output.result(&erased, || format!("customer {} is erased\n", erased.id))?;
    Ok(ALL_WELL)
}
