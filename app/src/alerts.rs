//! Low-stock alerts.

use crate::{App, Error, Page, Work};
use inventory_domain::alert::{Alert, Snooze};
use inventory_store::alerts as store;
pub use inventory_store::alerts::{AlertFilter, SORTING};

/// A page of alerts.
pub async fn list(app: &App, filter: &AlertFilter, page: Page) -> Result<Vec<Alert>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many alerts.
pub async fn count(app: &App, filter: &AlertFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One alert.
pub async fn get(app: &App, id: i64) -> Result<Alert, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Takes an alert on.
pub async fn acknowledge(work: &mut Work, id: i64, version: Option<i64>) -> Result<Alert, Error> {
    Ok(store::acknowledge(work, id, version).await?)
}

/// Lets an alert rest: channels are told nothing of it until its time has come or its stock has recovered.
pub async fn snooze(work: &mut Work, id: i64, version: Option<i64>, snooze: &Snooze) -> Result<Alert, Error> {
    snooze.validate()?;
    let until = (snooze.minutes > 0).then(|| work.now().plus_minutes(snooze.minutes));
    Ok(store::snooze(work, id, version, until).await?)
}
