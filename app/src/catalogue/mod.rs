//! Loads a catalogue with its stock from rows of a file. Loading the same rows again changes nothing.

mod file;

use crate::{App, Caller, Error};
pub(crate) use file::COLUMNS;
pub use file::CatalogueFile;
use inventory_store::catalogue as store;
pub use inventory_store::catalogue::{ImportReport, ImportRow, Refused};

/// Rows written in one transaction.
pub(crate) const BATCH: usize = 500;

/// Imports `rows`, keyed by SKU: products are created or changed, their stock at `MAIN` becomes what the row says. Rows that
/// break a rule are reported by their line and keep no other row from being imported. `progress` hears how many rows are done.
///
/// # Errors
/// When the database is away; the rows of earlier batches stay imported, and importing again is safe.
pub async fn import(
    app: &App,
    caller: &Caller,
    rows: &[ImportRow],
    mut progress: impl FnMut(usize),
) -> Result<ImportReport, Error> {
    let mut report = ImportReport::default();
    for (index, chunk) in rows.chunks(BATCH).enumerate() {
        let part = store::import(app.store().begin(caller.clone()), chunk).await?;
        report.add(part);
        app.nudge().wake();
        progress(index * BATCH + chunk.len());
    }
    Ok(report)
}
