//! `inventory reconcile`

use crate::{ALL_WELL, NEEDS_ATTENTION, database, failure::Failure, output::Output, progress};
use inventory_app::stock::{self, ReconcileReport};
use std::fmt::Write as _;

pub(crate) async fn run(url: Option<&str>, fix: bool, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let spinner = progress::spinner("holding levels against the ledger");
    let done = stock::reconcile(&app, &database::caller(), fix).await;
    spinner.finish_and_clear();
    let report = done?;
    app.shutdown().await;
    output.result(&report, || text(&report))?;
    Ok(if report.drift.len() == report.fixed {
        ALL_WELL
    } else {
        NEEDS_ATTENTION
    })
}

fn text(report: &ReconcileReport) -> String {
    let mut text = String::new();
    for drift in &report.drift {
        let _ = writeln!(
            text,
            "stock item {}: on hand {} (ledger {}), reserved {} (ledger {}, reservations {}), incoming {} (purchase orders {})",
            drift.stock_item_id,
            drift.on_hand,
            drift.ledger_on_hand,
            drift.reserved,
            drift.ledger_reserved,
            drift.reservations,
            drift.incoming,
            drift.purchases
        );
    }
    let _ = match (report.drift.len(), report.fixed) {
        (0, _) => writeln!(text, "{} stock items agree with the ledger", report.checked),
        (drift, fixed) => {
            writeln!(
                text,
                "{drift} of {} stock items do not agree with the ledger; repaired: {fixed}",
                report.checked
            )
        }
    };
    text
}
