//! `orders_expire`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::orders;

/// Ends every hold whose time is up: its units are available again.
pub(crate) async fn handle(tick: Tick) -> Answer {
    let report = orders::expire(&tick.app, &tick.caller).await?;
    done("expired", &report)
}
