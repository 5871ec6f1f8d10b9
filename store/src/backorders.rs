//! Orders that wait for stock: found by the products they want, and filled in the order of their age (docs/adr/0020).

use crate::{
    StoreError, Tx,
    db::{Engine, FromRow, Reader, Run as _, Sql, Store, Write, json},
    fulfilment::FULFILMENT,
    orders::{self, LoadedOrder, OrderRows},
    processing::{allot, demand, hold_end},
    stock::{self, LockedItem},
};
use inventory_domain::{
    Timestamp,
    allocation::{self, StockLevel},
    event::EventType,
    order::{OrderReason, OrderStatus},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;
use uuid::Uuid;

/// Reservations of orders that have waited: one order may get units of one stock item several times.
pub(crate) const RESERVATIONS_ADDED: Write = Write {
    name: "reservations_added",
    sql: "INSERT INTO reservations AS v (order_id, line, stock_item_id, quantity, state, expires_at)
          SELECT order_id, line, stock_item_id, quantity, 'active', expires_at
          FROM {rows $rows r: order_id UUID, line BIGINT, stock_item_id BIGINT, quantity BIGINT, expires_at BIGINT}
          WHERE true
          ON CONFLICT (order_id, line, stock_item_id) DO UPDATE
          SET quantity = excluded.quantity + CASE v.state WHEN 'active' THEN v.quantity ELSE 0 END, state = 'active', expires_at = excluded.expires_at",
};

/// Products of which more can be promised than before, since somebody last asked.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    products: Mutex<BTreeSet<i64>>,
    came: Notify,
}

impl Arrivals {
    pub(crate) fn note(&self, products: Vec<i64>) {
        if products.is_empty() {
            return;
        }
        self.products
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(products);
        self.came.notify_one();
    }

    fn take(&self) -> BTreeSet<i64> {
        std::mem::take(&mut *self.products.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Waits until some product can be promised that could not be before, by what this store has committed.
pub async fn stock_came(store: &Store) {
    store.arrivals.came.notified().await;
}

/// Which products these are, since the last call.
pub fn products_that_came(store: &Store) -> BTreeSet<i64> {
    store.arrivals.take()
}

/// The products that orders wait for and of which something is available.
///
/// # Errors
/// When the database is away.
pub async fn products_to_hand_out(store: &Store) -> Result<BTreeSet<i64>, StoreError> {
    static PRODUCTS: Sql = Sql::new(
        "SELECT w.product_id FROM (SELECT DISTINCT product_id FROM order_lines WHERE waiting_since IS NOT NULL) w
         WHERE EXISTS (SELECT 1 FROM stock_items s WHERE s.product_id = w.product_id AND s.on_hand > s.reserved)",
    );
    let products: Vec<i64> = store.all(&PRODUCTS, &[]).await?;
    Ok(products.into_iter().collect())
}

/// Marks the lines of orders that wait and were decided by a program that does not know of the mark; looks at orders placed since
/// `since`.
///
/// # Errors
/// When the database is away.
pub async fn adopt(store: &Store, since: Timestamp) -> Result<(), StoreError> {
    static ADOPT: Sql = Sql::new(
        "UPDATE order_lines SET waiting_since = (SELECT o.created_at FROM orders o WHERE o.id = order_lines.order_id)
         WHERE waiting_since IS NULL AND quantity > cancelled + reserved
           AND order_id IN (SELECT id FROM orders WHERE status = 'backordered' AND created_at >= $1)",
    );
    store.execute(&ADOPT, &[since.into()]).await?;
    Ok(())
}

/// A place in the queue of those that wait for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    since: i64,
    order_id: Uuid,
}

impl Place {
    /// Before the first.
    pub const START: Self = Self {
        since: i64::MIN,
        order_id: Uuid::nil(),
    };
}

impl FromRow for Place {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            since: row.int()?,
            order_id: row.uuid()?,
        })
    }
}

/// What a step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Orders that got units.
    pub orders: usize,
    /// Where the next step begins; `None`: there is nobody left who could be given something.
    pub next: Option<Place>,
}

/// Gives what is available of a product to those who wait for it, the oldest first: looks at the first `limit` lines after `after`
/// whose orders could be given what they want. One transaction, and always as many statements. Once somebody has got something the
/// next step begins at the start, so that the oldest is always the next.
///
/// An order that wants all or nothing gets nothing while something is missing, and those behind it are not kept waiting.
///
/// # Errors
/// When the database is away.
pub async fn fill(mut tx: Tx, product_id: i64, after: Place, limit: i64) -> Result<Filled, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT l.waiting_since, l.order_id FROM order_lines l JOIN orders o ON o.id = l.order_id
         WHERE l.product_id = $1 AND l.waiting_since IS NOT NULL AND (l.waiting_since, l.order_id) > ($2, $3)
           AND CASE WHEN o.on_shortage = 'partial_backorder'
                    THEN EXISTS (SELECT 1 FROM stock_items s WHERE s.product_id = l.product_id AND s.on_hand > s.reserved)
                    ELSE NOT EXISTS (SELECT 1 FROM order_lines w WHERE w.order_id = l.order_id AND w.quantity - w.cancelled - w.reserved >
                                     (SELECT COALESCE(SUM(s.on_hand - s.reserved), 0) FROM stock_items s WHERE s.product_id = w.product_id))
               END
         ORDER BY l.waiting_since, l.order_id LIMIT $4",
    );
    let args = [
        product_id.into(),
        after.since.into(),
        after.order_id.into(),
        limit.into(),
    ];
    // Nothing is begun where nobody could be given anything.
    if tx.store().all::<Place>(&FIND, &args).await?.is_empty() {
        return Ok(Filled { orders: 0, next: None });
    }
    // One at a time for a product: two instances, each at a place of its own in the queue, would serve those in front of the second
    // after those behind the first. SQLite has one writer anyway.
    if tx.store().engine() == Engine::Postgres {
        static TURN: Sql = Sql::new("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
        let name = format!("backorders\u{1f}{product_id}");
        tx.execute(&TURN, &[(&name).into()]).await?;
    }
    let places: Vec<Place> = tx.all(&FIND, &args).await?;
    let Some(last) = places.last().copied() else {
        return Ok(Filled { orders: 0, next: None });
    };
    let mut ids: Vec<Uuid> = places.iter().map(|place| place.order_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut waiting = orders::lock(&mut tx, &ids, &[]).await?;
    orders::units(&mut tx, &mut waiting).await?;
    // The oldest first. Who has ended or been filled meanwhile only loses its mark.
    waiting.sort_by_key(|loaded| (loaded.order.created_at, loaded.order.id));
    let products: BTreeSet<i64> = waiting
        .iter()
        .flat_map(|loaded| loaded.order.lines.iter().map(|line| line.product_id))
        .collect();
    let products: Vec<i64> = products.into_iter().collect();
    let items = stock::lock_products(&mut tx, &products).await?;
    let mut items: BTreeMap<i64, LockedItem> = items.into_iter().map(|item| (item.id, item)).collect();
    let now = tx.now();
    let levels: Vec<StockLevel> = items.values().map(LockedItem::level).collect();
    let (mut waiting, over): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|loaded| loaded.order.waits() && loaded.order.open() > 0 && !orders::is_due(&loaded.order, now));
    let demands: Vec<_> = waiting
        .iter()
        .map(|LoadedOrder { order, product_status }| demand(order, product_status))
        .collect();
    let mut rows = OrderRows::default();
    let mut filled = 0;
    for LoadedOrder { order, .. } in &over {
        rows.update_lines(order);
    }
    for (decision, LoadedOrder { order, .. }) in allocation::decide(&demands, &levels).into_iter().zip(&mut waiting) {
        if decision.allotments.is_empty() {
            continue;
        }
        filled += 1;
        let before = order.clone();
        let status = if order.status == OrderStatus::Backordered {
            order.expires_at = hold_end(order, now);
            OrderStatus::Confirmed
        } else {
            order.status
        };
        allot(&mut tx, order, &decision.allotments, &mut items, &mut rows)?;
        order.reason = (order.open() > 0).then_some(OrderReason::PartlyReserved);
        let (action, event) = ("orders_backfill", EventType::OrderConfirmed);
        orders::turn(&mut tx, &before, order, status, action, event)?;
        rows.update(order)?;
    }
    if filled > 0 || !over.is_empty() {
        let added = json(&rows.reservations)?;
        let mut all = rows.into_changed()?;
        all.push(("reservations_added", added));
        all.extend(stock::settle(&mut tx, items.into_values().collect())?);
        tx.stage(&FULFILMENT, all)?;
        tx.commit().await?;
    }
    let next = if filled > 0 { Place::START } else { last };
    let is_full = places.len() as i64 == limit;
    Ok(Filled {
        orders: filled,
        next: is_full.then_some(next),
    })
}
