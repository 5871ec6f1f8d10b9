//! How the database's schema stands to this program's migrations.

use crate::{App, Error};
pub use inventory_store::migrations::{Applied, Known, State};

/// The migrations of this program, the first one first.
pub fn known(app: &App) -> Vec<Known> {
    app.store().known_migrations()
}

/// The migrations that the database has, the first one first.
///
/// # Errors
/// When the database is away.
pub async fn applied(app: &App) -> Result<Vec<Applied>, Error> {
    Ok(app.store().applied_migrations().await?)
}
