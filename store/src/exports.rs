//! What exports hold, read in parts: each statement reads a bounded number of rows from where the one before has ended, so that
//! neither memory nor the time of a statement grows with the table. The parts are not of one moment.

use crate::{
    StoreError,
    db::{Arg, FromRow, Reader, Run as _, Sql, Store},
    filter::Filter,
};
use inventory_domain::{
    Timestamp,
    movement::{MovementKind, Reason},
    order::{OnShortage, OrderReason, OrderStatus},
    product::ProductStatus,
};
use uuid::Uuid;

/// A product with its stock at `MAIN`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each member is the product's of the same name")]
pub struct ProductRow {
    pub id: i64,
    pub sku: String,
    pub name: String,
    pub category: Option<String>,
    pub barcode: Option<String>,
    pub unit_price_minor: i64,
    pub currency: String,
    /// Units at `MAIN`.
    pub on_hand: i64,
    pub reorder_point: i64,
    pub reorder_quantity: i64,
    pub status: ProductStatus,
}

impl FromRow for ProductRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            sku: row.text()?,
            name: row.text()?,
            category: row.text_opt()?,
            barcode: row.text_opt()?,
            unit_price_minor: row.int()?,
            currency: row.text()?,
            on_hand: row.int()?,
            reorder_point: row.int()?,
            reorder_quantity: row.int()?,
            status: row.word(ProductStatus::parse)?,
        })
    }
}

/// Products after the one with this id that are not archived.
///
/// # Errors
/// When the database is away.
pub async fn products(
    store: &Store,
    category: Option<&str>,
    after: i64,
    limit: i64,
) -> Result<Vec<ProductRow>, StoreError> {
    let select = "SELECT p.id, p.sku, p.name, p.category, p.barcode, p.unit_price_minor, p.currency, COALESCE(s.on_hand, 0), \
                  p.reorder_point, p.reorder_quantity, p.status FROM products p LEFT JOIN stock_items s ON s.product_id = p.id \
                  AND s.location_id = (SELECT id FROM locations WHERE code = 'MAIN')";
    let mut filter = Filter::new();
    filter.add("p.id > ?", after);
    filter.fixed("p.status <> 'archived'");
    filter.opt("p.category = ?", category);
    let (sql, args) = filter.rows(select, "p.id", 0, limit);
    store.all(sql, &args).await
}

/// A stock item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each member is the stock item's of the same name")]
pub struct StockRow {
    pub id: i64,
    pub sku: String,
    /// The location's code.
    pub location: String,
    pub quantity: i64,
    pub reserved: i64,
    /// The effective one; `None`: never low.
    pub reorder_point: Option<i64>,
    pub updated_at: Timestamp,
}

impl FromRow for StockRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            sku: row.text()?,
            location: row.text()?,
            quantity: row.int()?,
            reserved: row.int()?,
            reorder_point: row.int_opt()?,
            updated_at: row.time()?,
        })
    }
}

/// Stock items after the one with this id.
///
/// # Errors
/// When the database is away.
pub async fn inventory(
    store: &Store,
    location: Option<&str>,
    after: i64,
    limit: i64,
) -> Result<Vec<StockRow>, StoreError> {
    let select = "SELECT s.id, p.sku, l.code, s.on_hand, s.reserved, s.reorder_point, s.updated_at FROM stock_items s \
                  JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id";
    let mut filter = Filter::new();
    filter.add("s.id > ?", after);
    filter.opt("s.location_id = (SELECT id FROM locations WHERE code = ?)", location);
    let (sql, args) = filter.rows(select, "s.id", 0, limit);
    store.all(sql, &args).await
}

/// A movement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each member is the movement's of the same name")]
pub struct MovementRow {
    pub id: i64,
    pub created_at: Timestamp,
    pub sku: String,
    /// The location's code.
    pub location: String,
    pub kind: MovementKind,
    pub on_hand_delta: i64,
    pub reserved_delta: i64,
    pub on_hand_after: i64,
    pub reserved_after: i64,
    pub reason: Option<Reason>,
    pub note: Option<String>,
    pub order_id: Option<Uuid>,
    pub actor: String,
}

impl FromRow for MovementRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            created_at: row.time()?,
            sku: row.text()?,
            location: row.text()?,
            kind: row.word(MovementKind::parse)?,
            on_hand_delta: row.int()?,
            reserved_delta: row.int()?,
            on_hand_after: row.int()?,
            reserved_after: row.int()?,
            reason: row.word_opt(Reason::parse)?,
            note: row.text_opt()?,
            order_id: row.uuid_opt()?,
            actor: row.text()?,
        })
    }
}

/// Which movements.
#[derive(Clone, Copy, Debug, Default)]
pub struct MovementFilter<'a> {
    /// At the location with this code.
    pub location: Option<&'a str>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// The id of the newest movement; 0 where there is none.
///
/// # Errors
/// When the database is away.
pub async fn newest_movement(store: &Store) -> Result<i64, StoreError> {
    static NEWEST: Sql = Sql::new("SELECT COALESCE(MAX(id), 0) FROM movements");
    store.one(&NEWEST, &[]).await
}

/// Movements with ids beyond `after` up to `last`: a range, and not a number, so that a filter which few of them pass does not make
/// a statement long.
///
/// # Errors
/// When the database is away.
pub async fn movements(
    store: &Store,
    filter: MovementFilter<'_>,
    after: i64,
    last: i64,
) -> Result<Vec<MovementRow>, StoreError> {
    let select = "SELECT m.id, m.created_at, p.sku, l.code, m.kind, m.on_hand_delta, m.reserved_delta, m.on_hand_after, \
                  m.reserved_after, m.reason, m.note, m.order_id, m.actor FROM movements m JOIN stock_items s ON s.id = m.stock_item_id \
                  JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id";
    let mut conditions = Filter::new();
    conditions.add("m.id > ?", after);
    conditions.add("m.id <= ?", last);
    conditions.opt("l.code = ?", filter.location);
    conditions.opt("m.created_at >= ?", filter.from);
    conditions.opt("m.created_at < ?", filter.until);
    let (sql, args) = conditions.rows(select, "m.id", 0, last - after);
    store.all(sql, &args).await
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each member is the order's or the line's of the same name")]
pub struct OrderRow {
    pub order_id: Uuid,
    pub created_at: Timestamp,
    pub status: OrderStatus,
    pub customer_id: i64,
    /// The customer's reference: personal data.
    pub customer: String,
    pub on_shortage: OnShortage,
    pub reason: Option<OrderReason>,
    pub decided_at: Option<Timestamp>,
    pub line: i64,
    pub sku: String,
    pub quantity: i64,
    pub reserved: i64,
    pub shipped: i64,
}

impl FromRow for OrderRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: row.uuid()?,
            created_at: row.time()?,
            status: row.word(OrderStatus::parse)?,
            customer_id: row.int()?,
            customer: row.text()?,
            on_shortage: row.word(OnShortage::parse)?,
            reason: row.word_opt(OrderReason::parse)?,
            decided_at: row.time_opt()?,
            line: row.int()?,
            sku: row.text()?,
            quantity: row.int()?,
            reserved: row.int()?,
            shipped: row.int()?,
        })
    }
}

/// The lines of the `limit` orders that were taken after `after` (a moment and an id) and before `until`, by age.
///
/// # Errors
/// When the database is away.
pub async fn orders(
    store: &Store,
    after: (Timestamp, Uuid),
    until: Timestamp,
    limit: i64,
) -> Result<Vec<OrderRow>, StoreError> {
    static ORDERS: Sql = Sql::new(
        "SELECT o.id, o.created_at, o.status, c.id, c.reference, o.on_shortage, o.reason, o.decided_at, l.line, p.sku, l.quantity, l.reserved, l.shipped
         FROM (SELECT id, created_at, CASE WHEN is_partly_shipped = 1 AND status = 'confirmed' THEN 'partly_shipped' ELSE status END AS status, customer_id, on_shortage, reason, decided_at FROM orders
               WHERE (created_at, id) > ($1, $2) AND created_at < $3 ORDER BY created_at, id LIMIT $4) o
         JOIN customers c ON c.id = o.customer_id JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id
         ORDER BY o.created_at, o.id, l.line",
    );
    let args: [Arg<'_>; 4] = [after.0.into(), after.1.into(), until.into(), limit.into()];
    store.all(&ORDERS, &args).await
}
