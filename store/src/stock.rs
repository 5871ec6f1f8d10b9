//! Stock items in the database: lock, change, settle.
//!
//! Every change of a level takes the same way: the items are locked in the order of their ids, changed in memory
//! (`LockedItem::change` records the movement), and settled (`settle` evaluates the low-stock policy), which gives the rows
//! of the `LEVELS` writes.

use crate::{
    StoreError, Tx,
    db::{Engine, FromRow, MovementRow, RECORDS, Reader, Run as _, Sql, Store, Write, WriteSet, json},
    filter::Filter,
    holds::{self, Freed},
    locations,
    paging::{Column, Page, Sorting},
    products,
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    allocation::StockLevel,
    event::EventType,
    limits,
    low_stock::{self, AlertChange, Severity},
    movement::{MovementKind, Reason},
    product::ProductStatus,
    stock::{AddStock, AdjustStock, StockAt, StockChanges, StockItem, StockValue, ValueBy},
};
use serde::Serialize;
use uuid::Uuid;

const SELECT: &str = "SELECT s.id, s.product_id, p.sku, s.location_id, l.name, s.on_hand, s.reserved, s.incoming, \
                      COALESCE(s.own_reorder_point, p.reorder_point), s.version, s.created_at, s.updated_at \
                      FROM stock_items s JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id";

impl FromRow for StockItem {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let (id, product_id, sku) = (row.int()?, row.int()?, row.text()?);
        let (location_id, location) = (row.int()?, row.text()?);
        let (quantity, reserved) = (row.int()?, row.int()?);
        Ok(Self {
            id,
            product_id,
            sku,
            location_id,
            location,
            quantity,
            reserved,
            available: quantity - reserved,
            incoming: row.int()?,
            reorder_point: row.int()?,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

impl FromRow for StockValue {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            location_id: None,
            location: None,
            category: None,
            currency: row.text()?,
            value_minor: row.int()?,
            quantity: row.int()?,
            items: row.int()?,
        })
    }
}

const SORT_COLUMNS: &[Column] = &[
    Column::int("id", "s.id"),
    Column::int("product_id", "s.product_id"),
    Column::int("available", "(s.on_hand - s.reserved)"),
];
/// What stock items may be sorted by.
pub static SORTING: Sorting = Sorting::new("id", SORT_COLUMNS);
/// The same, in the order of a search for few units.
static BY_AVAILABLE: Sorting = Sorting::new("available", SORT_COLUMNS);

/// What stock items of [`low`] may be sorted by.
pub const fn low_sorting(threshold: Option<i64>) -> &'static Sorting {
    match threshold {
        Some(_) => &BY_AVAILABLE,
        None => &SORTING,
    }
}

/// Which stock items.
#[derive(Clone, Debug, Default)]
pub struct StockFilter {
    /// Of this product.
    pub product_id: Option<i64>,
    /// At this location.
    pub location_id: Option<i64>,
    /// Of the product with this SKU.
    pub sku: Option<String>,
}

impl StockFilter {
    fn conditions(&self) -> Filter<'_> {
        self.add_to(Filter::new())
    }

    /// As [`StockFilter::conditions`], where the statement's first value is this moment.
    fn conditions_after(&self, time: Timestamp) -> Filter<'_> {
        self.add_to(Filter::after(vec![time.into()]))
    }

    fn add_to<'a>(&'a self, mut filter: Filter<'a>) -> Filter<'a> {
        filter.opt("s.product_id = ?", self.product_id);
        filter.opt("s.location_id = ?", self.location_id);
        filter.opt("p.sku = ?", self.sku.as_ref());
        filter
    }
}

/// A page of stock items.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &StockFilter, page: Page) -> Result<Vec<StockItem>, StoreError> {
    let (sql, args) = filter.conditions().page(SELECT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many stock items.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &StockFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter
        .conditions()
        .count("stock_items s JOIN products p ON p.id = s.product_id");
    store.one(sql, &args).await
}

/// One stock item.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<StockItem, StoreError> {
    let item = store.stock_items.get(store, id, read, |item| item.id).await?;
    Ok(item.ok_or_else(|| Refusal::not_found("inventory item", id))?)
}

async fn read(store: Store, ids: String) -> Result<Vec<StockItem>, StoreError> {
    static READ: Sql = Sql::new(
        "SELECT s.id, s.product_id, p.sku, s.location_id, l.name, s.on_hand, s.reserved, s.incoming, COALESCE(s.own_reorder_point, p.reorder_point), s.version, s.created_at, s.updated_at
         FROM {rows $1 r: id BIGINT} JOIN stock_items s ON s.id = r.id JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id",
    );
    store.all(&READ, &[(&ids).into()]).await
}

/// A page of stock items with at most `threshold` available units; without a threshold: at or below their reorder points.
///
/// # Errors
/// When the database is away.
pub async fn low(store: &Store, threshold: Option<i64>, page: Page) -> Result<Vec<StockItem>, StoreError> {
    let (sql, args) = few(threshold).page(SELECT, low_sorting(threshold), page);
    store.all(sql, &args).await
}

/// How many stock items [`low`] has.
///
/// # Errors
/// When the database is away.
pub async fn count_low(store: &Store, threshold: Option<i64>) -> Result<i64, StoreError> {
    let (sql, args) = few(threshold).count("stock_items s");
    store.one(sql, &args).await
}

fn few(threshold: Option<i64>) -> Filter<'static> {
    let mut filter = Filter::new();
    match threshold {
        Some(threshold) => filter.add("(s.on_hand - s.reserved) <= ?", threshold),
        None => filter.fixed("s.on_hand - s.reserved <= s.reorder_point"),
    }
    filter
}

pub(crate) static VALUE: Sql = Sql::new(
    "SELECT p.currency, CAST(SUM(s.on_hand * p.unit_price_minor) AS BIGINT), CAST(SUM(s.on_hand) AS BIGINT), COUNT(*)
     FROM stock_items s JOIN products p ON p.id = s.product_id GROUP BY p.currency ORDER BY p.currency",
);

/// What all stock is worth, per currency.
///
/// # Errors
/// When the database is away.
pub async fn value(store: &Store) -> Result<Vec<StockValue>, StoreError> {
    store.report(&VALUE, &[]).await
}

struct PlaceValue(StockValue);

impl FromRow for PlaceValue {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let (location_id, location) = (Some(row.int()?), Some(row.text()?));
        Ok(Self(StockValue {
            location_id,
            location,
            ..StockValue::from_row(row)?
        }))
    }
}

struct CategoryValue(StockValue);

impl FromRow for CategoryValue {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let category = Some(row.text_opt()?);
        Ok(Self(StockValue {
            category,
            ..StockValue::from_row(row)?
        }))
    }
}

/// What all stock is worth, per currency and location or category.
///
/// # Errors
/// When the database is away.
pub async fn value_by(store: &Store, by: ValueBy) -> Result<Vec<StockValue>, StoreError> {
    static BY_LOCATION: Sql = Sql::new(
        "SELECT l.id, l.name, p.currency, CAST(SUM(s.on_hand * p.unit_price_minor) AS BIGINT), CAST(SUM(s.on_hand) AS BIGINT), COUNT(*)
         FROM stock_items s JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id
         GROUP BY l.id, l.name, p.currency ORDER BY l.id, p.currency",
    );
    static BY_CATEGORY: Sql = Sql::new(
        "SELECT p.category, p.currency, CAST(SUM(s.on_hand * p.unit_price_minor) AS BIGINT), CAST(SUM(s.on_hand) AS BIGINT), COUNT(*)
         FROM stock_items s JOIN products p ON p.id = s.product_id
         GROUP BY p.category, p.currency ORDER BY CASE WHEN p.category IS NULL THEN 1 ELSE 0 END, p.category, p.currency",
    );
    Ok(match by {
        ValueBy::Location => {
            let rows: Vec<PlaceValue> = store.report(&BY_LOCATION, &[]).await?;
            rows.into_iter().map(|row| row.0).collect()
        }
        ValueBy::Category => {
            let rows: Vec<CategoryValue> = store.report(&BY_CATEGORY, &[]).await?;
            rows.into_iter().map(|row| row.0).collect()
        }
    })
}

impl FromRow for StockAt {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let (stock_item_id, product_id, sku) = (row.int()?, row.int()?, row.text()?);
        let (location_id, location) = (row.int()?, row.text()?);
        let (quantity, reserved) = (row.int()?, row.int()?);
        Ok(Self {
            stock_item_id,
            product_id,
            sku,
            location_id,
            location,
            quantity,
            reserved,
            available: quantity - reserved,
            movement_id: row.int()?,
            moved_at: row.time()?,
        })
    }
}

/// A page of what stock items held at a moment, from the ledger; those that had no movement by then are not there. A row is what
/// the item's last movement by then left, so it did exist. What it costs grows with the movements since then.
///
/// # Errors
/// When the database is away.
pub async fn at(store: &Store, time: Timestamp, filter: &StockFilter, page: Page) -> Result<Vec<StockAt>, StoreError> {
    let select = format!(
        "SELECT s.id, s.product_id, p.sku, s.location_id, l.name, m.on_hand_after, m.reserved_after, m.id, m.created_at FROM {AT}"
    );
    let (sql, args) = filter.conditions_after(time).page(&select, &AT_SORTING, page);
    store.all(sql, &args).await
}

/// How many stock items [`at`] has.
///
/// # Errors
/// When the database is away.
pub async fn count_at(store: &Store, time: Timestamp, filter: &StockFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions_after(time).count(AT);
    store.one(sql, &args).await
}

/// What stock items of [`at`] may be sorted by.
pub static AT_SORTING: Sorting = Sorting::new("stock_item_id", &[Column::int("stock_item_id", "s.id")]);
const AT: &str = "stock_items s JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id \
                  JOIN movements m ON m.id = (SELECT n.id FROM movements n WHERE n.stock_item_id = s.id AND n.created_at <= $1 \
                  ORDER BY n.id DESC LIMIT 1)";

/// A stock item under its row lock.
#[derive(Clone, Debug)]
pub(crate) struct LockedItem {
    pub(crate) id: i64,
    pub(crate) product_id: i64,
    pub(crate) sku: String,
    pub(crate) location_id: i64,
    pub(crate) location: String,
    pub(crate) priority: i64,
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) incoming: i64,
    pub(crate) own_reorder_point: Option<i64>,
    pub(crate) reorder_point: Option<i64>,
    pub(crate) alert: Option<Severity>,
    pub(crate) version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    product_reorder_point: i64,
    product_status: ProductStatus,
    /// Whether holds of its units are due.
    pub(crate) has_due_holds: bool,
    before: (i64, i64, Option<i64>, Option<i64>),
}

impl FromRow for LockedItem {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let mut item = Self {
            id: row.int()?,
            product_id: row.int()?,
            sku: row.text()?,
            location_id: row.int()?,
            location: row.text()?,
            priority: row.int()?,
            on_hand: row.int()?,
            reserved: row.int()?,
            incoming: row.int()?,
            own_reorder_point: row.int_opt()?,
            reorder_point: row.int_opt()?,
            alert: row.word_opt(Severity::parse)?,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
            product_reorder_point: row.int()?,
            product_status: row.word(ProductStatus::parse)?,
            has_due_holds: row.int_opt()?.is_some(),
            before: (0, 0, None, None),
        };
        item.before = item.values();
        Ok(item)
    }
}

/// Why a level changes.
#[derive(Clone, Default)]
pub(crate) struct Cause {
    pub(crate) reason: Option<Reason>,
    pub(crate) note: Option<String>,
    pub(crate) order_id: Option<Uuid>,
}

impl Cause {
    /// For an order.
    pub(crate) fn order(order_id: Uuid) -> Self {
        Self {
            order_id: Some(order_id),
            ..Self::default()
        }
    }
}

impl LockedItem {
    pub(crate) const fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// What must be known of it to decide.
    pub(crate) const fn level(&self) -> StockLevel {
        StockLevel {
            stock_item_id: self.id,
            product_id: self.product_id,
            location_id: self.location_id,
            priority: self.priority,
            available: self.available(),
        }
    }

    /// The item as the database has it until the commit.
    pub(crate) fn view_before(&self) -> StockItem {
        let mut same = self.clone();
        (same.on_hand, same.reserved, same.own_reorder_point, same.reorder_point) = self.before;
        same.view(self.updated_at)
    }

    const fn values(&self) -> (i64, i64, Option<i64>, Option<i64>) {
        (self.on_hand, self.reserved, self.own_reorder_point, self.reorder_point)
    }

    /// Changes the levels and records the movement.
    pub(crate) fn change(
        &mut self,
        tx: &mut Tx,
        kind: MovementKind,
        on_hand_delta: i64,
        reserved_delta: i64,
        cause: Cause,
    ) -> Result<(), Refusal> {
        let (on_hand, reserved) = (self.on_hand + on_hand_delta, self.reserved + reserved_delta);
        if on_hand > limits::ON_HAND_MAX {
            return Err(Refusal::conflict(
                Conflict::StockLimit,
                format!("a location can hold at most {} units of a product", limits::ON_HAND_MAX),
            ));
        }
        if reserved < 0 || on_hand < reserved {
            return Err(Refusal::conflict(
                Conflict::InsufficientStock,
                format!(
                    "{} units are available, {} are promised",
                    self.available(),
                    self.reserved
                ),
            ));
        }
        (self.on_hand, self.reserved) = (on_hand, reserved);
        tx.movement(MovementRow {
            stock_item_id: self.id,
            kind,
            on_hand_delta,
            reserved_delta,
            on_hand_after: on_hand,
            reserved_after: reserved,
            reason: cause.reason,
            note: cause.note,
            order_id: cause.order_id,
        });
        Ok(())
    }

    /// The item as it will be after the commit.
    pub(crate) fn view(&self, now: Timestamp) -> StockItem {
        let changed = self.values() != self.before;
        StockItem {
            id: self.id,
            product_id: self.product_id,
            sku: self.sku.clone(),
            location_id: self.location_id,
            location: self.location.clone(),
            quantity: self.on_hand,
            reserved: self.reserved,
            available: self.available(),
            incoming: self.incoming,
            reorder_point: self.own_reorder_point.unwrap_or(self.product_reorder_point),
            version: self.version + i64::from(changed),
            created_at: self.created_at,
            updated_at: if changed { now } else { self.updated_at },
        }
    }

    /// Refuses to take stock of an archived product.
    pub(crate) fn expect_not_archived(&self) -> Result<(), Refusal> {
        if self.product_status != ProductStatus::Archived {
            return Ok(());
        }
        let detail = format!("{} is archived and takes no stock", self.sku);
        Err(Refusal::conflict(Conflict::ProductArchived, detail))
    }

    fn set_own_reorder_point(&mut self, own: Option<i64>) {
        self.own_reorder_point = own;
        self.reorder_point = low_stock::effective_reorder_point(self.product_status, self.product_reorder_point, own);
    }
}

/// The writes of changed levels and what they do to alerts.
pub(crate) const LEVEL_WRITES: &[Write] = &[
    Write {
        name: "stock",
        sql: "UPDATE stock_items AS s SET on_hand = r.on_hand, reserved = r.reserved, own_reorder_point = r.own_reorder_point,
              reorder_point = r.reorder_point, alert_severity = r.alert_severity, version = s.version + r.changed, updated_at = r.at
              FROM {rows $rows r: id BIGINT, on_hand BIGINT, reserved BIGINT, own_reorder_point BIGINT, reorder_point BIGINT, alert_severity TEXT, changed BIGINT, at BIGINT}
              WHERE s.id = r.id",
    },
    Write {
        name: "alerts_raised",
        sql: "INSERT INTO alerts (stock_item_id, severity, status, available, reorder_point, raised_at)
              SELECT id, severity, 'open', available, reorder_point, at
              FROM {rows $rows r: id BIGINT, severity TEXT, available BIGINT, reorder_point BIGINT, at BIGINT}",
    },
    Write {
        name: "alerts_escalated",
        sql: "UPDATE alerts AS a SET severity = r.severity, available = r.available, reorder_point = r.reorder_point, version = a.version + 1
              FROM {rows $rows r: id BIGINT, severity TEXT, available BIGINT, reorder_point BIGINT}
              WHERE a.stock_item_id = r.id AND a.status <> 'cleared'",
    },
    Write {
        name: "alerts_cleared",
        sql: "UPDATE alerts AS a SET status = 'cleared', cleared_at = r.at, version = a.version + 1
              FROM {rows $rows r: id BIGINT, at BIGINT} WHERE a.stock_item_id = r.id AND a.status <> 'cleared'",
    },
];

/// Changed levels with everything recorded.
pub(crate) static LEVELS: WriteSet = WriteSet::new(&[LEVEL_WRITES, RECORDS]);

/// A change of what is on its way to a stock item.
#[derive(Serialize)]
pub(crate) struct Incoming {
    pub(crate) id: i64,
    pub(crate) delta: i64,
    /// 1 where nothing else of the item changes, so that its version grows once.
    pub(crate) changed: i64,
}

/// Writes what is on its way to stock items that are locked. A statement of its own: those who change levels, and there are many
/// more of them, need not name it.
pub(crate) async fn write_incoming(tx: &mut Tx, rows: &[Incoming]) -> Result<(), StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE stock_items AS s SET incoming = s.incoming + r.delta, version = s.version + r.changed,
         updated_at = CASE WHEN r.changed = 1 THEN $2 ELSE s.updated_at END
         FROM {rows $1 r: id BIGINT, delta BIGINT, changed BIGINT} WHERE s.id = r.id",
    );
    if !rows.is_empty() {
        tx.execute(&UPDATE, &[(&json(rows)?).into(), tx.now().into()]).await?;
    }
    Ok(())
}

#[derive(Serialize)]
struct StockRow {
    id: i64,
    on_hand: i64,
    reserved: i64,
    own_reorder_point: Option<i64>,
    reorder_point: Option<i64>,
    alert_severity: Option<Severity>,
    changed: i64,
    at: i64,
}

#[derive(Serialize)]
struct AlertRow {
    id: i64,
    severity: Option<Severity>,
    available: i64,
    reorder_point: i64,
    at: i64,
}

/// The subject of a stock item's events and audit rows.
pub(crate) fn subject(id: i64) -> String {
    format!("inventory/{id}")
}

/// Holds changed items against the low-stock policy, records the events of raised and cleared alerts, and gives the rows of
/// [`LEVEL_WRITES`].
pub(crate) fn settle(tx: &mut Tx, items: Vec<LockedItem>) -> Result<Vec<(&'static str, String)>, StoreError> {
    let at = tx.now().micros();
    let (mut stock, mut raised, mut escalated, mut cleared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for mut item in items {
        let change = low_stock::evaluate(item.available(), item.reorder_point, item.alert);
        let (severity, event, rows) = match change {
            AlertChange::Keep => (item.alert, None, None),
            AlertChange::Raise(severity) => (Some(severity), Some(low_event(severity)), Some(&mut raised)),
            AlertChange::Escalate(severity) => (Some(severity), Some(low_event(severity)), Some(&mut escalated)),
            AlertChange::Clear => (None, Some(EventType::StockRecovered), Some(&mut cleared)),
        };
        item.alert = severity;
        if let Some(rows) = rows {
            let reorder_point = item.reorder_point.unwrap_or(item.product_reorder_point);
            rows.push(AlertRow {
                id: item.id,
                severity,
                available: item.available(),
                reorder_point,
                at,
            });
        }
        let changed = item.values() != item.before;
        let (on_hand_before, reserved_before, ..) = item.before;
        if item.available() > on_hand_before - reserved_before {
            tx.stock_came(item.product_id);
        }
        if let Some(event) = event {
            tx.event(event, subject(item.id), &item.view(tx.now()))?;
            tx.audit::<StockItem>(event.as_str(), subject(item.id), None, None)?;
        }
        if changed || event.is_some() {
            stock.push(StockRow {
                id: item.id,
                on_hand: item.on_hand,
                reserved: item.reserved,
                own_reorder_point: item.own_reorder_point,
                reorder_point: item.reorder_point,
                alert_severity: item.alert,
                changed: i64::from(changed),
                at: if changed { at } else { item.updated_at.micros() },
            });
        }
    }
    Ok(vec![
        ("stock", json(&stock)?),
        ("alerts_raised", json(&raised)?),
        ("alerts_escalated", json(&escalated)?),
        ("alerts_cleared", json(&cleared)?),
    ])
}

const fn low_event(severity: Severity) -> EventType {
    match severity {
        Severity::Low => EventType::StockLow,
        Severity::Out => EventType::StockOut,
    }
}

#[derive(Serialize)]
pub(crate) struct ProductRef {
    pub(crate) product_id: i64,
}

#[derive(Serialize)]
pub(crate) struct ItemRef {
    pub(crate) id: i64,
}

/// Locks the stock items of `product_ids`, in the order of their ids.
pub(crate) async fn lock_products(tx: &mut Tx, product_ids: &[i64]) -> Result<Vec<LockedItem>, StoreError> {
    lock(tx, product_ids, &[]).await
}

static LOCK: Sql = Sql::new(
    "SELECT s.id, s.product_id, p.sku, s.location_id, l.name, l.priority, s.on_hand, s.reserved, s.incoming, s.own_reorder_point, s.reorder_point,
            s.alert_severity, s.version, s.created_at, s.updated_at, p.reorder_point, p.status,
            (SELECT CAST(1 AS BIGINT) FROM hold_lines h WHERE h.stock_item_id = s.id AND h.status = 'active' AND h.expires_at <= $3 LIMIT 1)
     FROM stock_items s JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id
     WHERE s.id IN (SELECT i.id FROM stock_items i JOIN {rows $1 r: product_id BIGINT} ON i.product_id = r.product_id
                    UNION SELECT q.id FROM {rows $2 q: id BIGINT})
     ORDER BY s.id {lock s}",
);

/// The statement that locks stock items, for a test of its plan.
#[doc(hidden)]
pub fn lock_statement() -> &'static str {
    LOCK.text(Engine::Postgres)
}

/// Locks the stock items with these ids and those of these products, in the order of their ids: every writer locks in this
/// order, so none waits for another in a circle.
pub(crate) async fn lock(tx: &mut Tx, product_ids: &[i64], item_ids: &[i64]) -> Result<Vec<LockedItem>, StoreError> {
    let products: Vec<_> = product_ids
        .iter()
        .map(|&product_id| ProductRef { product_id })
        .collect();
    let items: Vec<_> = item_ids.iter().map(|&id| ItemRef { id }).collect();
    let now = tx.now();
    tx.all(
        &LOCK,
        &[(&json(&products)?).into(), (&json(&items)?).into(), now.into()],
    )
    .await
}

async fn lock_one(tx: &mut Tx, id: i64) -> Result<LockedItem, StoreError> {
    let item = lock(tx, &[], &[id]).await?.into_iter().next();
    Ok(item.ok_or_else(|| Refusal::not_found("inventory item", id))?)
}

/// Makes sure that there is an item of the product at the location, and says whether it is new.
pub(crate) async fn ensure(
    tx: &mut Tx,
    product_id: i64,
    location_id: i64,
    reorder_point: Option<i64>,
) -> Result<(i64, bool), StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO stock_items (product_id, location_id, on_hand, reserved, reorder_point, created_at, updated_at)
         VALUES ($1, $2, 0, 0, $3, $4, $4) ON CONFLICT (product_id, location_id) DO NOTHING RETURNING id",
    );
    static FIND: Sql = Sql::new("SELECT id FROM stock_items WHERE product_id = $1 AND location_id = $2");
    let insert = [
        product_id.into(),
        location_id.into(),
        reorder_point.into(),
        tx.now().into(),
    ];
    if let Some(id) = tx.first(&INSERT, &insert).await? {
        return Ok((id, true));
    }
    Ok((tx.one(&FIND, &[product_id.into(), location_id.into()]).await?, false))
}

/// Makes sure that the location has a stock item of each product.
pub(crate) async fn ensure_items(
    tx: &mut Tx,
    location_id: i64,
    product_ids: impl Iterator<Item = i64>,
) -> Result<(), StoreError> {
    static ENSURE: Sql = Sql::new(
        "INSERT INTO stock_items (product_id, location_id, on_hand, reserved, reorder_point, created_at, updated_at)
         SELECT p.id, $2, 0, 0, CASE WHEN p.status = 'active' THEN p.reorder_point END, $3, $3
         FROM {rows $1 r: product_id BIGINT} JOIN products p ON p.id = r.product_id
         WHERE true ORDER BY p.id ON CONFLICT (product_id, location_id) DO NOTHING",
    );
    let rows: Vec<_> = product_ids.map(|product_id| ProductRef { product_id }).collect();
    let rows = json(&rows)?;
    tx.execute(&ENSURE, &[(&rows).into(), location_id.into(), tx.now().into()])
        .await?;
    Ok(())
}

/// The ids of the location's stock items of the products, where it has them.
pub(crate) async fn items_at(
    tx: &mut Tx,
    location_id: i64,
    product_ids: impl Iterator<Item = i64>,
) -> Result<Vec<i64>, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT s.id FROM {rows $1 r: product_id BIGINT} JOIN stock_items s ON s.product_id = r.product_id AND s.location_id = $2",
    );
    let rows: Vec<_> = product_ids.map(|product_id| ProductRef { product_id }).collect();
    tx.all(&FIND, &[(&json(&rows)?).into(), location_id.into()]).await
}

/// Adds units of a product at a location; says whether the stock item is new.
///
/// # Errors
/// When the input breaks a rule, the product does not exist or is archived, or the location would hold too much.
pub async fn add(tx: &mut Tx, add: &AddStock) -> Result<(StockItem, bool), StoreError> {
    add.validate()?;
    let (status, reorder_point) = stocking(tx, add.product_id).await?;
    let location_id = locations::named(tx, add.location_id, add.location.as_deref()).await?.id;
    let effective = low_stock::effective_reorder_point(status, reorder_point, None);
    let (id, new) = ensure(tx, add.product_id, location_id, effective).await?;
    let mut item = lock_one(tx, id).await?;
    let before = (!new).then(|| item.view(tx.now()));
    if add.reorder_point.is_some() {
        item.set_own_reorder_point(add.reorder_point);
    }
    if new || add.quantity > 0 {
        item.change(
            tx,
            MovementKind::Receipt,
            add.quantity,
            0,
            Cause {
                reason: Some(add.reason()),
                ..Cause::default()
            },
        )?;
    }
    let view = item.view(tx.now());
    tx.audit("inventory_add", subject(id), before.as_ref(), Some(&view))?;
    tx.event(EventType::StockReceived, subject(id), &view)?;
    let rows = settle(tx, vec![item])?;
    tx.stage(&LEVELS, rows)?;
    Ok((view, new))
}

/// The status and the reorder point of a product that takes stock.
pub(crate) async fn stocking(tx: &mut Tx, product_id: i64) -> Result<(ProductStatus, i64), StoreError> {
    static PRODUCT: Sql = Sql::new("SELECT status, reorder_point FROM products WHERE id = $1");
    let product: Option<(ProductStatus, i64)> = tx.first(&PRODUCT, &[product_id.into()]).await?;
    let product = product.ok_or_else(|| {
        let detail = format!("product {product_id} does not exist");
        Refusal::invalid("/product_id", "unknown_product", detail)
    })?;
    if product.0 == ProductStatus::Archived {
        let detail = format!("product {product_id} is archived and takes no stock");
        return Err(Refusal::conflict(Conflict::ProductArchived, detail).into());
    }
    Ok(product)
}

impl FromRow for (ProductStatus, i64) {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok((row.word(ProductStatus::parse)?, row.int()?))
    }
}

/// Records the audit row and the event of a changed item.
pub(crate) fn record_adjustment(tx: &mut Tx, action: &'static str, item: &LockedItem) -> Result<(), StoreError> {
    let view = item.view(tx.now());
    tx.audit(action, subject(item.id), None, Some(&view))?;
    tx.event(EventType::StockAdjusted, subject(item.id), &view)
}

/// Ends a change of one item by hand: what was due on it is written with it.
fn finish(
    tx: &mut Tx,
    action: &'static str,
    before: &StockItem,
    id: i64,
    freed: Freed,
) -> Result<StockItem, StoreError> {
    let item = freed.item(id)?;
    let (view, is_changed) = (item.view(tx.now()), item.values() != item.before);
    if is_changed {
        tx.audit(action, subject(id), Some(before), Some(&view))?;
        tx.event(EventType::StockAdjusted, subject(id), &view)?;
        freed.stage(tx)?;
    }
    Ok(view)
}

/// Adds or takes away units for a reason.
///
/// # Errors
/// When the input breaks a rule, there is no such item, its version is another one, or too few units are available.
pub async fn adjust(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    adjust: &AdjustStock,
) -> Result<StockItem, StoreError> {
    adjust.validate()?;
    let mut freed = holds::lock_free(tx, &[], &[id]).await?;
    let item = freed.item_mut(id)?;
    products::expect_version(expected, item.version)?;
    let before = item.view_before();
    let cause = Cause {
        reason: Some(adjust.reason),
        note: adjust.note.clone(),
        order_id: None,
    };
    item.change(tx, MovementKind::Adjustment, adjust.delta, 0, cause)?;
    finish(tx, "inventory_adjust", &before, id, freed)
}

/// Overwrites an item's quantity or reorder point.
///
/// # Errors
/// When the input breaks a rule, there is no such item, its version is another one, or more units are promised.
pub async fn update(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    changes: &StockChanges,
) -> Result<StockItem, StoreError> {
    changes.validate(expected.is_some())?;
    let mut freed = holds::lock_free(tx, &[], &[id]).await?;
    let item = freed.item_mut(id)?;
    products::expect_version(expected, item.version)?;
    let before = item.view_before();
    if let Some(own) = changes.reorder_point {
        item.set_own_reorder_point(own);
    }
    if let Some(quantity) = changes.quantity
        && quantity != item.on_hand
    {
        let delta = quantity - item.on_hand;
        let cause = Cause {
            reason: Some(changes.reason(delta)?),
            ..Cause::default()
        };
        item.change(tx, MovementKind::Adjustment, delta, 0, cause)?;
    }
    finish(tx, "inventory_update", &before, id, freed)
}
