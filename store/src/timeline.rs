//! What happened to an order, from the audit trail.

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Sql, Store},
    orders::{self, subject},
    paging::Page,
    returns, shipments,
};
use inventory_domain::timeline::{self, Change, TimelineEntry};
use uuid::Uuid;

/// Things of a kind that are told of one order at most: nobody reads more.
const TOLD_MAX: i64 = 10_000;

impl FromRow for Change {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            action: row.text()?,
            at: row.time()?,
            before: row.text_opt()?,
            after: row.text_opt()?,
        })
    }
}

/// Everything that happened to an order, oldest first.
///
/// # Errors
/// When there is no such order.
pub async fn of_order(store: &Store, id: Uuid) -> Result<Vec<TimelineEntry>, StoreError> {
    static CHANGES: Sql =
        Sql::new("SELECT action, at, before, after FROM audit WHERE entity = $1 ORDER BY id LIMIT $2");
    let order = orders::get(store, id).await?;
    let all = || Page::new(0, TOLD_MAX);
    let changes: Vec<Change> = store.all(&CHANGES, &[(&subject(id)).into(), TOLD_MAX.into()]).await?;
    let shipments = shipments::of_order(store, id, all()).await?;
    let returns = returns::of_order(store, id, all()).await?;
    Ok(timeline::tell(&order, &changes, shipments, returns))
}
