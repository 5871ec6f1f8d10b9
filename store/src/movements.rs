//! The ledger in the database.

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Store},
    filter::Filter,
    paging::{Column, Page, Sorting},
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

/// What movements may be sorted by.
pub static SORTING: Sorting = Sorting::new("id", &[Column::int("id", "id")]);

/// A page of a stock item's movements.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, stock_item_id: i64, page: Page) -> Result<Vec<Movement>, StoreError> {
    let select = "SELECT id, stock_item_id, kind, on_hand_delta, reserved_delta, on_hand_after, reserved_after, reason, note, \
                  order_id, actor, created_at FROM movements";
    let (sql, args) = of(stock_item_id).page(select, &SORTING, page);
    store.all(sql, &args).await
}

/// How many movements a stock item has.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, stock_item_id: i64) -> Result<i64, StoreError> {
    let (sql, args) = of(stock_item_id).count("movements");
    store.one(sql, &args).await
}

fn of(stock_item_id: i64) -> Filter<'static> {
    let mut filter = Filter::new();
    filter.add("stock_item_id = ?", stock_item_id);
    filter
}
