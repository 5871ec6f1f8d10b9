//! `orders_backfill`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::backorders;

/// Gives what is available to the orders that wait for it, where that was missed when it came.
pub(crate) async fn handle(tick: Tick) -> Answer {
    let filled = backorders::fill_all(&tick.app, &tick.caller).await?;
    done("filled", &filled)
}
