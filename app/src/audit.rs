//! The audit trail: what was changed, and who saw personal data.

use crate::{App, Error, Page};
use inventory_domain::audit::{AccessEntry, AuditEntry};
use inventory_store::audit as store;
pub use inventory_store::audit::{AuditFilter, SORTING};

/// A page of changes, the newest first.
pub async fn list(app: &App, filter: &AuditFilter, page: Page) -> Result<Vec<AuditEntry>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many changes.
pub async fn count(app: &App, filter: &AuditFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// A page of accesses to personal data, the newest first.
pub async fn accesses(app: &App, filter: &AuditFilter, page: Page) -> Result<Vec<AccessEntry>, Error> {
    Ok(store::accesses(app.store(), filter, page).await?)
}

/// How many rows of accesses.
pub async fn count_accesses(app: &App, filter: &AuditFilter) -> Result<i64, Error> {
    Ok(store::count_accesses(app.store(), filter).await?)
}
