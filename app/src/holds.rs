//! Holds: units promised for a while, before there is an order.

use crate::{App, Caller, Error, Page, Work};
use inventory_domain::{
    hold::{Hold, HoldCommit, HoldExtension, NewHold},
    order::Order,
};
use inventory_store::holds as store;
pub use inventory_store::holds::{HoldFilter, SORTING};
use uuid::Uuid;

/// Holds expired in one transaction.
const EXPIRE_BATCH: i64 = 200;

/// A page of holds.
pub async fn list(app: &App, filter: &HoldFilter, page: Page) -> Result<Vec<Hold>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many holds.
pub async fn count(app: &App, filter: &HoldFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One hold.
pub async fn get(app: &App, id: Uuid) -> Result<Hold, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Holds units: all of them or none.
pub async fn create(work: &mut Work, new: &NewHold) -> Result<Hold, Error> {
    Ok(store::create(work, new).await?)
}

/// Gives a hold another end.
pub async fn extend(work: &mut Work, id: Uuid, version: Option<i64>, extension: HoldExtension) -> Result<Hold, Error> {
    Ok(store::extend(work, id, version, extension).await?)
}

/// Gives a hold's units back before its time.
pub async fn release(work: &mut Work, id: Uuid, version: Option<i64>) -> Result<Hold, Error> {
    Ok(store::release(work, id, version).await?)
}

/// Turns a hold into an order; says whether the order is new.
pub async fn commit(
    work: &mut Work,
    id: Uuid,
    version: Option<i64>,
    commit: &HoldCommit,
) -> Result<(Order, bool), Error> {
    Ok(store::commit(work, id, version, commit).await?)
}

/// Expires every hold whose time is up; says how many.
pub async fn expire(app: &App, caller: &Caller) -> Result<usize, Error> {
    let mut expired = 0;
    loop {
        let now = store::expire_due(app.store().begin(caller.clone()), EXPIRE_BATCH).await?;
        expired += now;
        if now > 0 {
            app.nudge().wake();
        }
        if now < EXPIRE_BATCH as usize {
            return Ok(expired);
        }
    }
}
