//! Stock as a whole: the low-stock sweep and the reconciliation with the ledger.

use crate::{App, Caller, Error};
use inventory_store::{
    alerts,
    reconcile::{self, Drift},
    sweep,
};
use serde::Serialize;

/// Stock items settled in one transaction of the sweep.
const SWEEP_BATCH: i64 = 500;
/// Drifting stock items reported at most.
const DRIFT_MAX: i64 = 10_000;

/// What a sweep did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Stock items whose alert was raised, changed or cleared.
    pub settled: usize,
}

/// Reminds of alerts whose rest is over, and raises and clears those that the changes of the levels have missed.
pub async fn sweep(app: &App, caller: &Caller) -> Result<SweepReport, Error> {
    loop {
        let reminded = alerts::remind(app.store().begin(caller.clone()), SWEEP_BATCH).await?;
        if reminded > 0 {
            app.nudge().wake();
        }
        if reminded < SWEEP_BATCH as usize {
            break;
        }
    }
    let mut settled = 0;
    loop {
        let found = sweep::sweep(app.store().begin(caller.clone()), SWEEP_BATCH).await?;
        settled += found;
        if found > 0 {
            app.nudge().wake();
        }
        if found < SWEEP_BATCH as usize {
            return Ok(SweepReport { settled });
        }
    }
}

/// What a reconciliation found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReconcileReport {
    /// Stock items held against the ledger.
    pub checked: i64,
    /// Those that do not agree with it.
    pub drift: Vec<Drift>,
    /// Of those, how many were repaired.
    pub fixed: usize,
}

/// Holds all levels against ledger and reservations; with `fix`, repairs them.
pub async fn reconcile(app: &App, caller: &Caller, fix: bool) -> Result<ReconcileReport, Error> {
    let checked = reconcile::items(app.store()).await?;
    let drift = reconcile::drift(app.store(), DRIFT_MAX).await?;
    let mut fixed = 0;
    for drift in &drift {
        tracing::error!(?drift, "levels do not agree with the ledger");
        if fix && reconcile::repair(app.store().begin(caller.clone()), drift.stock_item_id).await? {
            fixed += 1;
        }
    }
    Ok(ReconcileReport { checked, drift, fixed })
}
