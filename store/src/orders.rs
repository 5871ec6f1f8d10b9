//! Orders in the database: taken, read, expired. Their decision is in [`crate::processing`], what becomes of them then in
//! [`crate::fulfilment`].

use crate::{
    StoreError, Tx,
    db::{Engine, FromRow, RECORDS, Reader, Run, Sql, Store, Write, WriteSet, json},
    filter::Filter,
    names::{self, Ordering},
    paging::{Column, Page, Sorting},
    parked::PARKED,
    stock::{self, Cause, LEVEL_WRITES, LockedItem},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    event::EventType,
    movement::MovementKind,
    order::{NewOrder, OnShortage, Order, OrderLine, OrderReason, OrderStatus},
    payment::{Payment, PaymentTerms},
    product::ProductStatus,
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What orders may be sorted by.
pub static SORTING: Sorting = Sorting::new(
    "-created_at",
    &[Column::uuid("id", "o.id"), Column::time("created_at", "o.created_at")],
);

/// Which orders.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// With this status.
    pub status: Option<OrderStatus>,
    /// Of this customer.
    pub customer: Option<String>,
    /// Placed at this moment or later.
    pub from: Option<Timestamp>,
    /// Placed before this moment.
    pub until: Option<Timestamp>,
}

impl OrderFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        // In the database an order that has shipped in part is confirmed, with a mark: programs of before read it as that.
        match self.status {
            Some(OrderStatus::PartlyShipped) => filter.fixed("o.status = 'confirmed' AND o.is_partly_shipped = 1"),
            Some(OrderStatus::Confirmed) => filter.fixed("o.status = 'confirmed' AND o.is_partly_shipped = 0"),
            other => filter.opt("o.status = ?", other.map(OrderStatus::as_str)),
        }
        filter.opt(
            "o.customer_id = (SELECT id FROM customers WHERE reference = ?)",
            self.customer.as_ref(),
        );
        filter.opt("o.created_at >= ?", self.from);
        filter.opt("o.created_at < ?", self.until);
        filter
    }
}

struct OrderRow(Order);

impl FromRow for OrderRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self(Order {
            id: row.uuid()?,
            status: row.word(OrderStatus::parse)?,
            customer_id: row.int()?,
            customer: row.text()?,
            on_shortage: row.word(OnShortage::parse)?,
            hold_minutes: row.int_opt()?,
            expires_at: row.time_opt()?,
            payment: payment(row.text_opt()?)?,
            reason: row.word_opt(OrderReason::parse)?,
            lines: Vec::new(),
            version: row.int()?,
            created_at: row.time()?,
            decided_at: row.time_opt()?,
            updated_at: row.time()?,
        }))
    }
}

struct LineRow {
    order_id: Uuid,
    line: OrderLine,
}

impl FromRow for LineRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: row.uuid()?,
            line: line(row)?,
        })
    }
}

fn line(row: &mut Reader<'_>) -> Result<OrderLine, StoreError> {
    Ok(OrderLine {
        line: row.int()?,
        product_id: row.int()?,
        sku: row.text()?,
        quantity: row.int()?,
        reserved: row.int()?,
        shipped: row.int()?,
        cancelled: row.int()?,
        returned: row.int()?,
    })
}

/// What is kept of a payment in its order's row.
fn payment(text: Option<String>) -> Result<Option<Payment>, StoreError> {
    let read = |text: String| serde_json::from_str(&text).map_err(|_| StoreError::unknown_word("payment", &text));
    text.map(read).transpose()
}

/// A page of orders.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &OrderFilter, page: Page) -> Result<Vec<Order>, StoreError> {
    static LINES: Sql = Sql::new(
        "SELECT l.order_id, l.line, l.product_id, p.sku, l.quantity, l.reserved, l.shipped, l.cancelled, l.returned
         FROM {rows $1 r: order_id UUID} JOIN order_lines l ON l.order_id = r.order_id JOIN products p ON p.id = l.product_id
         ORDER BY l.order_id, l.line",
    );
    let select = "SELECT o.id, CASE WHEN o.is_partly_shipped = 1 AND o.status = 'confirmed' THEN 'partly_shipped' \
                  ELSE o.status END, c.id, c.reference, o.on_shortage, o.hold_minutes, \
                  o.expires_at, o.payment, o.reason, o.version, \
                  o.created_at, o.decided_at, o.updated_at FROM orders o JOIN customers c ON c.id = o.customer_id";
    let (sql, args) = filter.conditions().page(select, &SORTING, page);
    let mut orders: Vec<Order> = store
        .all::<OrderRow>(sql, &args)
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect();
    if orders.is_empty() {
        return Ok(orders);
    }
    let ids: Vec<_> = orders.iter().map(|order| OrderRef { order_id: order.id }).collect();
    let mut lines: HashMap<Uuid, Vec<OrderLine>> = HashMap::with_capacity(orders.len());
    for row in store.all::<LineRow>(&LINES, &[(&json(&ids)?).into()]).await? {
        lines.entry(row.order_id).or_default().push(row.line);
    }
    for order in &mut orders {
        order.lines = lines.remove(&order.id).unwrap_or_default();
    }
    Ok(orders)
}

/// How many orders.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &OrderFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("orders o");
    store.one(sql, &args).await
}

/// An order with one of its lines.
struct OrderLineRow {
    order: Order,
    line: OrderLine,
    product_status: ProductStatus,
}

impl FromRow for OrderLineRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            order: OrderRow::from_row(row)?.0,
            line: line(row)?,
            product_status: row.word(ProductStatus::parse)?,
        })
    }
}

/// An order, and the status of the product of each line.
pub(crate) struct LoadedOrder {
    pub(crate) order: Order,
    pub(crate) product_status: Vec<ProductStatus>,
}

fn gather(rows: Vec<OrderLineRow>) -> Vec<LoadedOrder> {
    let mut orders: Vec<LoadedOrder> = Vec::new();
    for row in rows {
        if orders.last().is_none_or(|last| last.order.id != row.order.id) {
            orders.push(LoadedOrder {
                order: row.order,
                product_status: Vec::new(),
            });
        }
        if let Some(last) = orders.last_mut() {
            last.order.lines.push(row.line);
            last.product_status.push(row.product_status);
        }
    }
    orders
}

/// One order.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: Uuid) -> Result<Order, StoreError> {
    let order = store.orders.get(store, id, read, |order| order.id).await?;
    Ok(order.ok_or_else(|| Refusal::not_found("order", id))?)
}

/// One order as a transaction sees it: whoever has a connection waits for no other.
///
/// # Errors
/// When there is none with this id.
pub(crate) async fn get_within(tx: &mut Tx, id: Uuid) -> Result<Order, StoreError> {
    #[derive(Serialize)]
    struct IdRow {
        id: Uuid,
    }
    let order = read_with(tx, &json(&[IdRow { id }])?).await?.pop();
    Ok(order.ok_or_else(|| Refusal::not_found("order", id))?)
}

async fn read(store: Store, ids: String) -> Result<Vec<Order>, StoreError> {
    read_with(&store, &ids).await
}

async fn read_with(run: impl Run, ids: &String) -> Result<Vec<Order>, StoreError> {
    static READ: Sql = Sql::new(
        "SELECT o.id, CASE WHEN o.is_partly_shipped = 1 AND o.status = 'confirmed' THEN 'partly_shipped' ELSE o.status END, c.id, c.reference, o.on_shortage, o.hold_minutes, o.expires_at, o.payment, o.reason, o.version, o.created_at, o.decided_at, o.updated_at,
                l.line, l.product_id, p.sku, l.quantity, l.reserved, l.shipped, l.cancelled, l.returned, p.status
         FROM {rows $1 r: id UUID} JOIN orders o ON o.id = r.id JOIN customers c ON c.id = o.customer_id
         JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id
         ORDER BY o.id, l.line",
    );
    let loaded = gather(run.all(&READ, &[ids.into()]).await?);
    Ok(loaded.into_iter().map(|loaded| loaded.order).collect())
}

#[derive(Serialize)]
pub(crate) struct OrderRef {
    pub(crate) order_id: Uuid,
}

#[derive(Serialize)]
struct ProductRef {
    product_id: i64,
}

static LOCK: Sql = Sql::new(
    "SELECT o.id, CASE WHEN o.is_partly_shipped = 1 AND o.status = 'confirmed' THEN 'partly_shipped' ELSE o.status END, c.id, c.reference, o.on_shortage, o.hold_minutes, o.expires_at, o.payment, o.reason, o.version, o.created_at, o.decided_at, o.updated_at,
            l.line, l.product_id, p.sku, l.quantity, l.reserved, l.shipped, l.cancelled, l.returned, p.status
     FROM orders o JOIN customers c ON c.id = o.customer_id JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id
     WHERE o.id IN (SELECT r.order_id FROM {rows $1 r: order_id UUID}
                    UNION SELECT v.order_id FROM {rows $2 q: product_id BIGINT} JOIN stock_items s ON s.product_id = q.product_id
                          JOIN reservations v ON v.stock_item_id = s.id WHERE v.state = 'active' AND v.expires_at <= $3)
     ORDER BY o.id, l.line {lock o}",
);

/// The statement that locks a batch's orders, for a test of its plan.
#[doc(hidden)]
pub fn lock_statement() -> &'static str {
    LOCK.text(Engine::Postgres)
}

/// Locks the orders with these ids, and those whose holds on stock of these products are due, in the order of their ids.
pub(crate) async fn lock(tx: &mut Tx, ids: &[Uuid], product_ids: &[i64]) -> Result<Vec<LoadedOrder>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|&order_id| OrderRef { order_id }).collect();
    let products: Vec<_> = product_ids
        .iter()
        .map(|&product_id| ProductRef { product_id })
        .collect();
    let now = tx.now();
    Ok(gather(
        tx.all(&LOCK, &[(&json(&ids)?).into(), (&json(&products)?).into(), now.into()])
            .await?,
    ))
}

/// Units of a stock item that are reserved for an order.
pub(crate) struct Reserved {
    pub(crate) order_id: Uuid,
    pub(crate) line: i64,
    pub(crate) stock_item_id: i64,
    pub(crate) quantity: i64,
}

/// A line under its order's lock, with one of the stock items whose units are reserved for it.
struct UnitsRow {
    order_id: Uuid,
    line: OrderLine,
    reserved: Option<(i64, i64)>,
}

impl FromRow for UnitsRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            order_id: row.uuid()?,
            line: line(row)?,
            reserved: row.int_opt()?.zip(row.int_opt()?),
        })
    }
}

/// Reads the lines of locked orders again and gives the active reservations. Whoever waited for a lock sees the order itself as it
/// is now, but its lines as they were when the statement began: what depends on them is read after the lock.
pub(crate) async fn units(tx: &mut Tx, orders: &mut [LoadedOrder]) -> Result<Vec<Reserved>, StoreError> {
    static UNITS: Sql = Sql::new(
        "SELECT l.order_id, l.line, l.product_id, p.sku, l.quantity, l.reserved, l.shipped, l.cancelled, l.returned, v.stock_item_id, v.quantity
         FROM {rows $1 r: order_id UUID} JOIN order_lines l ON l.order_id = r.order_id JOIN products p ON p.id = l.product_id
         LEFT JOIN reservations v ON v.order_id = l.order_id AND v.line = l.line AND v.state = 'active'
         ORDER BY l.order_id, l.line, v.stock_item_id",
    );
    let ids: Vec<_> = orders
        .iter()
        .map(|loaded| OrderRef {
            order_id: loaded.order.id,
        })
        .collect();
    let mut reserved = Vec::new();
    let mut lines: HashMap<Uuid, Vec<OrderLine>> = HashMap::with_capacity(orders.len());
    for row in tx.all::<UnitsRow>(&UNITS, &[(&json(&ids)?).into()]).await? {
        if let Some((stock_item_id, quantity)) = row.reserved {
            reserved.push(Reserved {
                order_id: row.order_id,
                line: row.line.line,
                stock_item_id,
                quantity,
            });
        }
        let lines = lines.entry(row.order_id).or_default();
        if lines.last().is_none_or(|last| last.line != row.line.line) {
            lines.push(row.line);
        }
    }
    for LoadedOrder { order, .. } in orders {
        if let Some(lines) = lines.remove(&order.id) {
            order.lines = lines;
        }
    }
    Ok(reserved)
}

/// The writes of orders, with those of the levels they change. An order whose customer was erased since it was looked up has no
/// customer, so that all of it is refused ([`StoreError::is_missing_reference`]).
pub(crate) const ORDER_WRITES: &[Write] = &[
    Write {
        name: "orders_new",
        sql: "INSERT INTO orders (id, customer_id, status, on_shortage, hold_minutes, expires_at, payment, reason, created_at, decided_at, updated_at)
              SELECT r.id, (SELECT c.id FROM customers c WHERE c.id = r.customer_id AND c.reference = r.customer {share c}),
                     r.status, r.on_shortage, r.hold_minutes, r.expires_at, r.payment, r.reason, r.created_at, r.decided_at, r.created_at
              FROM {rows $rows r: id UUID, customer_id BIGINT, customer TEXT, status TEXT, on_shortage TEXT, hold_minutes BIGINT, expires_at BIGINT, payment TEXT, reason TEXT, created_at BIGINT, decided_at BIGINT}",
    },
    Write {
        name: "lines_new",
        sql: "INSERT INTO order_lines (order_id, line, product_id, quantity, reserved, waiting_since)
              SELECT order_id, line, product_id, quantity, reserved, waiting_since
              FROM {rows $rows r: order_id UUID, line BIGINT, product_id BIGINT, quantity BIGINT, reserved BIGINT, waiting_since BIGINT}",
    },
    ORDERS_CHANGED,
    LINES_CHANGED,
    Write {
        name: "reservations_new",
        sql: "INSERT INTO reservations (order_id, line, stock_item_id, quantity, state, expires_at)
              SELECT order_id, line, stock_item_id, quantity, 'active', expires_at
              FROM {rows $rows r: order_id UUID, line BIGINT, stock_item_id BIGINT, quantity BIGINT, expires_at BIGINT}",
    },
    Write {
        name: "reservations_closed",
        sql: "UPDATE reservations AS v SET state = r.state FROM {rows $rows r: order_id UUID, state TEXT}
              WHERE v.order_id = r.order_id AND v.state = 'active'",
    },
    PARKED,
];

/// Orders of the database that have changed.
pub(crate) const ORDERS_CHANGED: Write = Write {
    name: "orders_changed",
    sql: "UPDATE orders AS o SET status = r.status, is_partly_shipped = r.is_partly_shipped, payment = r.payment, reason = r.reason,
          expires_at = r.expires_at, decided_at = r.decided_at, version = o.version + 1, updated_at = r.updated_at
          FROM {rows $rows r: id UUID, status TEXT, is_partly_shipped BIGINT, payment TEXT, reason TEXT, expires_at BIGINT, decided_at BIGINT, updated_at BIGINT}
          WHERE o.id = r.id",
};
/// Their lines.
pub(crate) const LINES_CHANGED: Write = Write {
    name: "lines_changed",
    sql: "UPDATE order_lines AS l SET reserved = r.reserved, shipped = r.shipped, cancelled = r.cancelled, returned = r.returned, waiting_since = r.waiting_since
          FROM {rows $rows r: order_id UUID, line BIGINT, reserved BIGINT, shipped BIGINT, cancelled BIGINT, returned BIGINT, waiting_since BIGINT}
          WHERE l.order_id = r.order_id AND l.line = r.line",
};

/// Everything that a batch of orders may change, in one go.
pub(crate) static ORDERS: WriteSet = WriteSet::new(&[ORDER_WRITES, LEVEL_WRITES, RECORDS]);

/// A new order and its lines alone.
static PLACED: WriteSet = WriteSet::new(&[&[PLACED_ORDER, PLACED_LINES], RECORDS]);
const PLACED_ORDER: Write = Write {
    name: ORDER_WRITES[0].name,
    sql: ORDER_WRITES[0].sql,
};
const PLACED_LINES: Write = Write {
    name: ORDER_WRITES[1].name,
    sql: ORDER_WRITES[1].sql,
};

#[derive(Serialize)]
struct NewOrderRow<'a> {
    id: Uuid,
    customer_id: i64,
    customer: &'a str,
    status: OrderStatus,
    on_shortage: OnShortage,
    hold_minutes: Option<i64>,
    expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    reason: Option<OrderReason>,
    created_at: i64,
    decided_at: Option<i64>,
}

#[derive(Serialize)]
struct NewLineRow {
    order_id: Uuid,
    line: i64,
    product_id: i64,
    quantity: i64,
    reserved: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<i64>,
}

#[derive(Serialize)]
struct ChangedOrderRow {
    id: Uuid,
    status: OrderStatus,
    is_partly_shipped: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    reason: Option<OrderReason>,
    expires_at: Option<i64>,
    decided_at: Option<i64>,
    updated_at: i64,
}

#[derive(Serialize)]
struct ChangedLineRow {
    order_id: Uuid,
    line: i64,
    reserved: i64,
    shipped: i64,
    cancelled: i64,
    returned: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct NewReservationRow {
    pub(crate) order_id: Uuid,
    pub(crate) line: i64,
    pub(crate) stock_item_id: i64,
    pub(crate) quantity: i64,
    pub(crate) expires_at: Option<i64>,
}

#[derive(Serialize)]
struct ClosedRow {
    order_id: Uuid,
    state: &'static str,
}

/// Rows for [`ORDER_WRITES`], gathered while orders are decided.
#[derive(Default)]
pub(crate) struct OrderRows {
    new: Vec<String>,
    new_lines: Vec<NewLineRow>,
    changed: Vec<ChangedOrderRow>,
    changed_lines: Vec<ChangedLineRow>,
    pub(crate) reservations: Vec<NewReservationRow>,
    closed: Vec<ClosedRow>,
}

impl OrderRows {
    /// An order that is not in the database yet.
    pub(crate) fn insert(&mut self, order: &Order) -> Result<(), StoreError> {
        self.new.push(json(&NewOrderRow {
            id: order.id,
            customer_id: order.customer_id,
            customer: &order.customer,
            status: order.status,
            on_shortage: order.on_shortage,
            hold_minutes: order.hold_minutes,
            expires_at: order.expires_at.map(Timestamp::micros),
            payment: order.payment.as_ref().map(json).transpose()?,
            reason: order.reason,
            created_at: order.created_at.micros(),
            decided_at: order.decided_at.map(Timestamp::micros),
        })?);
        self.new_lines.extend(order.lines.iter().map(|line| NewLineRow {
            order_id: order.id,
            line: line.line,
            product_id: line.product_id,
            quantity: line.quantity,
            reserved: line.reserved,
            waiting_since: waiting_since(order, line),
        }));
        Ok(())
    }

    /// An order of the database that has changed, with its lines.
    pub(crate) fn update(&mut self, order: &Order) -> Result<(), StoreError> {
        let is_partly_shipped = order.status == OrderStatus::PartlyShipped;
        let status = if is_partly_shipped {
            OrderStatus::Confirmed
        } else {
            order.status
        };
        self.changed.push(ChangedOrderRow {
            id: order.id,
            status,
            is_partly_shipped: i64::from(is_partly_shipped),
            payment: order.payment.as_ref().map(json).transpose()?,
            reason: order.reason,
            expires_at: order.expires_at.map(Timestamp::micros),
            decided_at: order.decided_at.map(Timestamp::micros),
            updated_at: order.updated_at.micros(),
        });
        self.update_lines(order);
        Ok(())
    }

    /// The lines alone of an order of the database.
    pub(crate) fn update_lines(&mut self, order: &Order) {
        self.changed_lines.extend(order.lines.iter().map(|line| ChangedLineRow {
            order_id: order.id,
            line: line.line,
            reserved: line.reserved,
            shipped: line.shipped,
            cancelled: line.cancelled,
            returned: line.returned,
            waiting_since: waiting_since(order, line),
        }));
    }

    /// Nothing is reserved for the order any more.
    pub(crate) fn close(&mut self, order_id: Uuid, state: &'static str) {
        self.closed.push(ClosedRow { order_id, state });
    }

    /// The rows of orders that were there before, by the names of the writes.
    pub(crate) fn into_changed(self) -> Result<Vec<(&'static str, String)>, StoreError> {
        Ok(vec![
            ("orders_changed", json(&self.changed)?),
            ("lines_changed", json(&self.changed_lines)?),
        ])
    }

    /// The rows by the names of the writes.
    pub(crate) fn into_rows(self) -> Result<Vec<(&'static str, String)>, StoreError> {
        Ok(vec![
            ("orders_new", format!("[{}]", self.new.join(","))),
            ("lines_new", json(&self.new_lines)?),
            ("orders_changed", json(&self.changed)?),
            ("lines_changed", json(&self.changed_lines)?),
            ("reservations_new", json(&self.reservations)?),
            ("reservations_closed", json(&self.closed)?),
        ])
    }
}

/// Since when a line waits for stock: since its order came, so that the oldest order comes first.
fn waiting_since(order: &Order, line: &OrderLine) -> Option<i64> {
    (order.waits() && line.open() > 0).then(|| order.created_at.micros())
}

/// The subject of an order's events and audit rows.
pub(crate) fn subject(id: Uuid) -> String {
    format!("orders/{id}")
}

/// A pending order as it is before its decision.
pub(crate) fn pending(
    id: Uuid,
    new: &NewOrder,
    (customer_id, customer): (i64, String),
    lines: Vec<OrderLine>,
    now: Timestamp,
) -> Order {
    Order {
        id,
        status: OrderStatus::Pending,
        customer_id,
        customer,
        on_shortage: new.on_shortage,
        hold_minutes: new.hold_minutes,
        expires_at: None,
        payment: new.payment.map(|PaymentTerms::Required| Payment::awaited()),
        reason: None,
        lines,
        version: 1,
        created_at: now,
        decided_at: None,
        updated_at: now,
    }
}

/// Takes an order: it is pending, and its event goes to the queue that decides it.
///
/// # Errors
/// When the input breaks a rule or names a product that does not exist or is archived.
pub async fn create(tx: &mut Tx, new: &NewOrder) -> Result<Order, StoreError> {
    new.validate()?;
    let ordering = Ordering::Reference(&new.customer);
    let names = names::resolve(tx, &[(new, ordering)]).await?;
    let (lines, statuses) = names.lines(new)?;
    if let Some(index) = statuses.iter().position(|status| *status == ProductStatus::Archived) {
        let detail = format!("product {} is archived and takes no orders", lines[index].product_id);
        return Err(Refusal::conflict(Conflict::ProductArchived, detail).into());
    }
    // Erased between two statements: whoever asks again becomes a new customer.
    let customer = names
        .customer(ordering)
        .ok_or(StoreError::Unavailable(sqlx::Error::RowNotFound))?;
    let order = pending(Uuid::now_v7(), new, customer, lines, tx.now());
    let mut rows = OrderRows::default();
    rows.insert(&order)?;
    tx.audit("orders_create", subject(order.id), None, Some(&order.record()))?;
    tx.event(EventType::OrderPlaced, subject(order.id), &order.record())?;
    let rows = rows.into_rows()?;
    tx.stage_grouped(&PLACED, rows.into_iter().take(2))?;
    Ok(order)
}

/// Ends due `orders` on their locked `items`: their reserved units go back. Gathers the rows and records movements, audit and events.
pub(crate) fn expire(
    tx: &mut Tx,
    orders: &mut [LoadedOrder],
    reserved: &[Reserved],
    items: &mut BTreeMap<i64, LockedItem>,
    rows: &mut OrderRows,
) -> Result<(), StoreError> {
    for LoadedOrder { order, .. } in orders {
        let before = order.clone();
        for units in reserved.iter().filter(|units| units.order_id == order.id) {
            let item = items
                .get_mut(&units.stock_item_id)
                .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))?;
            item.change(tx, MovementKind::Expiry, 0, -units.quantity, Cause::order(order.id))?;
        }
        for line in &mut order.lines {
            line.reserved = line.shipped;
        }
        order.reason = Some(OrderReason::HoldExpired);
        let (event, action) = (EventType::OrderExpired, "orders_expire");
        turn(tx, &before, order, OrderStatus::Expired, action, event)?;
        rows.update(order)?;
        rows.close(order.id, "expired");
    }
    Ok(())
}

/// Gives an order that has changed its new status and version; records audit and event.
pub(crate) fn turn(
    tx: &mut Tx,
    before: &Order,
    order: &mut Order,
    status: OrderStatus,
    action: &'static str,
    event: EventType,
) -> Result<(), StoreError> {
    order.status = status;
    order.version += 1;
    order.updated_at = tx.now();
    if let Some(payment) = &mut order.payment {
        payment.settle(status);
    }
    tx.audit(action, subject(order.id), Some(&before.record()), Some(&order.record()))?;
    tx.event(event, subject(order.id), &order.record())?;
    let is_due = |order: &Order| order.payment.as_ref().is_some_and(|payment| payment.is_refund_due);
    if is_due(order) && !is_due(before) {
        let event = EventType::OrderRefundDue;
        tx.audit::<Order>(event.as_str(), subject(order.id), None, None)?;
        tx.event(event, subject(order.id), &order.record())?;
    }
    Ok(())
}

/// Expires at most `limit` orders whose hold has run out; says how many. Each call is one transaction.
///
/// # Errors
/// When the database is away.
pub async fn expire_due(mut tx: Tx, limit: i64) -> Result<usize, StoreError> {
    static DUE: Sql =
        Sql::new("SELECT id FROM orders WHERE status = 'confirmed' AND expires_at <= $1 ORDER BY expires_at LIMIT $2");
    let now = tx.now();
    let due: Vec<Uuid> = tx.all(&DUE, &[now.into(), limit.into()]).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut orders = lock(&mut tx, &due, &[]).await?;
    orders.retain(|loaded| is_due(&loaded.order, now));
    let reserved = units(&mut tx, &mut orders).await?;
    let item_ids: Vec<i64> = reserved.iter().map(|units| units.stock_item_id).collect();
    let items = stock::lock(&mut tx, &[], &item_ids).await?;
    let mut items: BTreeMap<i64, LockedItem> = items.into_iter().map(|item| (item.id, item)).collect();
    let mut rows = OrderRows::default();
    expire(&mut tx, &mut orders, &reserved, &mut items, &mut rows)?;
    let mut all = rows.into_rows()?;
    all.extend(stock::settle(&mut tx, items.into_values().collect())?);
    tx.stage(&ORDERS, all)?;
    tx.commit().await?;
    Ok(orders.len())
}

/// Whether an order's hold has run out and nobody has ended the order yet.
pub(crate) fn is_due(order: &Order, now: Timestamp) -> bool {
    order.status == OrderStatus::Confirmed && order.expires_at.is_some_and(|at| at <= now)
}
