//! `stock_reconcile`

use crate::http::{
    Answer,
    envelope::{Tick, done},
};
use inventory_app::stock;

/// Holds all levels against the ledger and reports drift. Repairing is for a person to decide (`inventory reconcile
/// --fix`).
pub(crate) async fn handle(tick: Tick) -> Answer {
    let report = stock::reconcile(&tick.app, &tick.caller, false).await?;
    done("reconciliation", &report)
}
