//! Customers in the database: a reference and nothing else.

use crate::{
    StoreError, Tx,
    db::{Sql, json},
};
use serde::Serialize;

#[derive(Serialize)]
struct CustomerRow<'a> {
    reference: &'a str,
    at: i64,
}

/// Makes sure that every one of `references` has a row. Sorted, so that two batches which add the same customers wait for
/// each other instead of dead-locking.
pub(crate) async fn ensure(tx: &mut Tx, references: &[&str]) -> Result<(), StoreError> {
    static ENSURE: Sql = Sql::new(
        "INSERT INTO customers (reference, created_at)
         SELECT reference, at FROM {rows $1 r: reference TEXT, at BIGINT} WHERE true ORDER BY reference
         ON CONFLICT (reference) DO NOTHING",
    );
    let at = tx.now().micros();
    let rows: Vec<_> = references
        .iter()
        .map(|reference| CustomerRow { reference, at })
        .collect();
    tx.add_early(&ENSURE, &[(&json(&rows)?).into()]).await.map(drop)
}
