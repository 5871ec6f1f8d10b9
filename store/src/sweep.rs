//! The sweep: raises and clears what the changes of the levels themselves have missed.

use crate::{
    StoreError, Tx,
    db::{Run as _, Sql},
    stock,
};

/// Finds at most `limit` stock items whose alert does not say what the policy says, and settles them in one transaction;
/// gives how many there were. Items that are fine are not read: partial indexes hold the others.
///
/// # Errors
/// When the database is away.
pub async fn sweep(mut tx: Tx, limit: i64) -> Result<usize, StoreError> {
    // The clear mark is `inventory_domain::low_stock::clear_mark`.
    static FIND: Sql = Sql::new(
        "SELECT id FROM (
             SELECT s.id FROM stock_items s WHERE s.on_hand - s.reserved <= s.reorder_point AND s.alert_severity IS NULL
             UNION ALL
             SELECT s.id FROM stock_items s WHERE s.alert_severity IS NOT NULL AND (
                 s.reorder_point IS NULL
                 OR s.on_hand - s.reserved > s.reorder_point + CASE WHEN s.reorder_point / 10 > 1 THEN s.reorder_point / 10 ELSE 1 END
                 OR (s.alert_severity = 'low') = (s.on_hand - s.reserved <= 0))
         ) wrong ORDER BY id LIMIT $1",
    );
    let ids: Vec<i64> = tx.all(&FIND, &[limit.into()]).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let items = stock::lock(&mut tx, &[], &ids).await?;
    let rows = stock::settle(&mut tx, items)?;
    tx.stage(&stock::LEVELS, rows)?;
    tx.commit().await?;
    Ok(ids.len())
}
