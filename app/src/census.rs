//! How much there is.

use crate::{App, Error};
pub use inventory_store::census::Census;

/// Counts, at one moment.
///
/// # Errors
/// When the database is away.
pub async fn take(app: &App) -> Result<Census, Error> {
    Ok(inventory_store::census::take(app.store()).await?)
}
