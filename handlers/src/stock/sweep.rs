//! `stock_sweep`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::stock;

/// Raises and clears the alerts that the changes of the levels have missed: a safety net.
pub(crate) async fn handle(tick: Tick) -> Answer {
    let report = stock::sweep(&tick.app, &tick.caller).await?;
    done("sweep", &report)
}
