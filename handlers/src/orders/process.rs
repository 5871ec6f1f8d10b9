//! `orders_process`

use crate::http::{
    Answer,
    envelope::{Batch, done},
};
use inventory_app::orders;

/// Decides a batch of order messages. A bad message is parked and fails nothing; only a database that stays away fails the
/// batch, which the queue then delivers again.
pub(crate) async fn handle(batch: Batch) -> Answer {
    let report = orders::process(&batch.app, &batch.caller, batch.messages).await?;
    done("orders", &report)
}
