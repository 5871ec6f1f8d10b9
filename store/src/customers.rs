//! Customers in the database: a reference and nothing else.

use crate::{
    StoreError,
    db::{Sql, json},
};
use inventory_domain::Timestamp;
use serde::Serialize;

/// Makes sure that every customer has a row. Sorted, so that two transactions which add the same customers wait for each other
/// instead of dead-locking.
pub(crate) static ENSURE: Sql = Sql::new(
    "INSERT INTO customers (reference, created_at)
     SELECT reference, at FROM {rows $1 r: reference TEXT, at BIGINT} WHERE true ORDER BY reference
     ON CONFLICT (reference) DO NOTHING",
);

/// The ids of customers, with the parameter of [`ENSURE`].
pub(crate) static NAMED: Sql = Sql::new(
    "SELECT (SELECT c.id FROM customers c WHERE c.reference = r.reference), r.reference, NULL
     FROM {rows $1 r: reference TEXT, at BIGINT}",
);

#[derive(Serialize)]
struct CustomerRow<'a> {
    reference: &'a str,
    at: i64,
}

/// The parameter of [`ENSURE`].
pub(crate) fn rows(references: &[String], at: Timestamp) -> Result<String, StoreError> {
    let at = at.micros();
    let rows: Vec<_> = references
        .iter()
        .map(|reference| CustomerRow { reference, at })
        .collect();
    json(&rows)
}
