//! How much there is: what a restored backup is held against.

use crate::{
    StoreError,
    db::{FromRow, Reader, Sql, Store},
};
use serde::Serialize;

/// Rows of the tables that hold what cannot be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Census {
    /// Products.
    pub products: i64,
    /// Locations.
    pub locations: i64,
    /// Customers.
    pub customers: i64,
    /// Products at locations.
    pub stock_items: i64,
    /// Rows of the ledger.
    pub movements: i64,
    /// Orders.
    pub orders: i64,
    /// Their lines.
    pub order_lines: i64,
    /// Units promised to orders.
    pub reservations: i64,
    /// Low-stock alerts.
    pub alerts: i64,
    /// Changes in the audit trail.
    pub audit: i64,
    /// Events that are kept.
    pub events: i64,
    /// Messages that could not be processed.
    pub parked_messages: i64,
}

impl FromRow for Census {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            products: row.int()?,
            locations: row.int()?,
            customers: row.int()?,
            stock_items: row.int()?,
            movements: row.int()?,
            orders: row.int()?,
            order_lines: row.int()?,
            reservations: row.int()?,
            alerts: row.int()?,
            audit: row.int()?,
            events: row.int()?,
            parked_messages: row.int()?,
        })
    }
}

/// Counts, at one moment.
///
/// # Errors
/// When the database is away.
pub async fn take(store: &Store) -> Result<Census, StoreError> {
    // Tables that every release has had: a backup may be older than this program.
    static COUNT: Sql = Sql::new(
        "SELECT (SELECT COUNT(*) FROM products), (SELECT COUNT(*) FROM locations), (SELECT COUNT(*) FROM customers),
                (SELECT COUNT(*) FROM stock_items), (SELECT COUNT(*) FROM movements), (SELECT COUNT(*) FROM orders),
                (SELECT COUNT(*) FROM order_lines), (SELECT COUNT(*) FROM reservations), (SELECT COUNT(*) FROM alerts),
                (SELECT COUNT(*) FROM audit), (SELECT COUNT(*) FROM outbox), (SELECT COUNT(*) FROM parked_messages)",
    );
    store.one(&COUNT, &[]).await
}
