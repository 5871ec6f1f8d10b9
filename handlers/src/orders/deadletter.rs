//! `orders_deadletter`

use crate::http::{
    Answer,
    envelope::{Batch, done},
};
use inventory_app::orders;

/// Keeps what the broker gave up on where it can be seen and replayed.
pub(crate) async fn handle(batch: Batch) -> Answer {
    let parked = orders::deadletter(&batch.app, &batch.caller, batch.messages).await?;
    done("parked", &parked)
}
