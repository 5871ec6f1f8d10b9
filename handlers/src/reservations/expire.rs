//! `reservations_expire`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::holds;

/// Ends every reservation whose time is up: its units are available again.
pub(crate) async fn handle(tick: Tick) -> Answer {
    let report = holds::expire(&tick.app, &tick.caller).await?;
    done("expired", &report)
}
