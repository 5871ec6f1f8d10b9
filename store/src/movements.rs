//! The ledger in the database.

use crate::{
    StoreError,
    db::{FromRow, Page, Reader, Run as _, Sql, Store},
};
use inventory_domain::movement::{Movement, MovementKind, Reason};

impl FromRow for Movement {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            stock_item_id: row.int()?,
            kind: row.word(MovementKind::parse)?,
            on_hand_delta: row.int()?,
            reserved_delta: row.int()?,
            on_hand_after: row.int()?,
            reserved_after: row.int()?,
            reason: row.word_opt(Reason::parse)?,
            note: row.text_opt()?,
            order_id: row.uuid_opt()?,
            actor: row.text()?,
            created_at: row.time()?,
        })
    }
}

/// A page of a stock item's movements, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, stock_item_id: i64, page: Page) -> Result<Vec<Movement>, StoreError> {
    static LIST: Sql = Sql::new(
        "SELECT id, stock_item_id, kind, on_hand_delta, reserved_delta, on_hand_after, reserved_after, reason, note, order_id, actor, created_at
         FROM movements WHERE stock_item_id = $1 ORDER BY id LIMIT $2 OFFSET $3",
    );
    store
        .all(&LIST, &[stock_item_id.into(), page.limit.into(), page.skip.into()])
        .await
}
