//! What becomes of a decided order: its units leave, together or in parts, or are called off.

use crate::{
    StoreError, Tx,
    backorders::RESERVATIONS_ADDED,
    db::{RECORDS, Write, WriteSet, json},
    orders::{self, LINES_CHANGED, LoadedOrder, ORDERS_CHANGED, OrderRows, Reserved},
    products::expect_version,
    returns::{RETURN_LINES, RETURNS},
    shipments::{SHIPMENT_LINES, SHIPMENTS, ShipmentLineRow, ShipmentRow},
    stock::{self, Cause, LEVEL_WRITES, LockedItem},
};
use inventory_domain::{
    Conflict, Refusal,
    event::EventType,
    fulfilment::{self, Held, Taken},
    movement::MovementKind,
    order::{Order, OrderReason, OrderStatus},
    shipment::{NewCancellation, NewShipment},
};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reservations of which units have left or were called off.
pub(crate) const RESERVATIONS_TAKEN: Write = Write {
    name: "reservations_taken",
    sql: "UPDATE reservations AS v SET quantity = r.quantity, state = r.state, expires_at = r.expires_at
          FROM {rows $rows r: order_id UUID, line BIGINT, stock_item_id BIGINT, quantity BIGINT, state TEXT, expires_at BIGINT}
          WHERE v.order_id = r.order_id AND v.line = r.line AND v.stock_item_id = r.stock_item_id",
};

/// Everything that may happen to decided orders.
pub(crate) static FULFILMENT: WriteSet = WriteSet::new(&[
    &[
        ORDERS_CHANGED,
        LINES_CHANGED,
        RESERVATIONS_ADDED,
        RESERVATIONS_TAKEN,
        SHIPMENTS,
        SHIPMENT_LINES,
        RETURNS,
        RETURN_LINES,
    ],
    LEVEL_WRITES,
    RECORDS,
]);

#[derive(Serialize)]
pub(crate) struct TakenRow {
    order_id: Uuid,
    line: i64,
    stock_item_id: i64,
    quantity: i64,
    state: &'static str,
    expires_at: Option<i64>,
}

/// An order and what is reserved for it, all of it locked.
pub(crate) struct Locked {
    pub(crate) order: Order,
    pub(crate) reserved: Vec<Reserved>,
}

/// Locks an order and reads its lines and reservations under the lock.
pub(crate) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Locked, StoreError> {
    let mut found: Vec<LoadedOrder> = orders::lock(tx, &[id], &[]).await?;
    if found.is_empty() {
        return Err(Refusal::not_found("order", id).into());
    }
    let reserved = orders::units(tx, &mut found).await?;
    let order = found.swap_remove(0).order;
    Ok(Locked { order, reserved })
}

impl Locked {
    /// Locks the stock items whose units are reserved.
    async fn items(&self, tx: &mut Tx) -> Result<BTreeMap<i64, LockedItem>, StoreError> {
        let ids: Vec<i64> = self.reserved.iter().map(|units| units.stock_item_id).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let items = stock::lock(tx, &[], &ids).await?;
        Ok(items.into_iter().map(|item| (item.id, item)).collect())
    }

    fn held(&self, items: &BTreeMap<i64, LockedItem>) -> Vec<Held> {
        let held = |units: &Reserved| Held {
            line: units.line,
            stock_item_id: units.stock_item_id,
            location_id: items.get(&units.stock_item_id).map_or(0, |item| item.location_id),
            quantity: units.quantity,
        };
        self.reserved.iter().map(held).collect()
    }

    /// The rows of all reservations after `taken` has gone from them; those that are empty end as `state`.
    pub(crate) fn after(&self, order: &Order, taken: &[Taken], state: &'static str) -> Vec<TakenRow> {
        let row = |units: &Reserved| {
            let of_it = taken
                .iter()
                .filter(|taken| (taken.line, taken.stock_item_id) == (units.line, units.stock_item_id));
            let rest = units.quantity - of_it.map(|taken| taken.quantity).sum::<i64>();
            TakenRow {
                order_id: order.id,
                line: units.line,
                stock_item_id: units.stock_item_id,
                // One that is over keeps what it was last.
                quantity: if rest == 0 { units.quantity } else { rest },
                state: if rest == 0 { state } else { "active" },
                expires_at: order.expires_at.map(inventory_domain::Timestamp::micros),
            }
        };
        self.reserved.iter().map(row).collect()
    }
}

fn wrong_state(order: &Order, status: OrderStatus, what: &str) -> StoreError {
    let detail = format!("order {} is {status} and cannot be {what}", order.id);
    Refusal::conflict(Conflict::OrderState, detail).into()
}

/// Ships an order, or some of its units: what is reserved leaves.
///
/// # Errors
/// When the input breaks a rule, there is no such order, its version is another one, it is not confirmed or its hold has run out,
/// it waits for its payment, or fewer units are reserved.
pub async fn ship(tx: &mut Tx, id: Uuid, expected: Option<i64>, new: &NewShipment) -> Result<Order, StoreError> {
    new.validate()?;
    let mut locked = lock(tx, id).await?;
    // Asking twice for what is done already is answered as the first time was.
    if locked.order.status == OrderStatus::Shipped && new.is_everything() {
        return Ok(locked.order);
    }
    expect_version(expected, locked.order.version)?;
    if orders::is_due(&locked.order, tx.now()) {
        return Err(wrong_state(&locked.order, OrderStatus::Expired, "shipped"));
    }
    if !locked.order.status.may_ship() {
        return Err(wrong_state(&locked.order, locked.order.status, "shipped"));
    }
    if let Some(payment) = &locked.order.payment
        && !payment.allows_shipping()
    {
        let detail = format!("order {id} is not paid: its payment is {}", payment.status);
        return Err(Refusal::conflict(Conflict::PaymentMissing, detail).into());
    }
    let mut items = locked.items(tx).await?;
    let held = locked.held(&items);
    let before = locked.order.clone();
    let order = &mut locked.order;
    let taken = fulfilment::ship(order, &held, new)?;
    change(tx, &mut items, order.id, MovementKind::Shipment, &taken)?;
    // What has begun to leave is no longer only held.
    order.expires_at = None;
    let status = order.settled_status();
    let event = if status == OrderStatus::Shipped {
        EventType::OrderShipped
    } else {
        EventType::OrderPartlyShipped
    };
    orders::turn(tx, &before, order, status, "orders_ship", event)?;
    let shipment = ShipmentRow::new(order.id, new, tx.now());
    let lines: Vec<_> = taken
        .iter()
        .map(|taken| ShipmentLineRow::new(&shipment, *taken))
        .collect();
    let order = locked.order.clone();
    let rows = [
        ("reservations_taken", json(&locked.after(&order, &taken, "shipped"))?),
        ("shipments", json(&[&shipment])?),
        ("shipment_lines", json(&lines)?),
    ];
    stage(tx, &order, items, rows)?;
    Ok(order)
}

/// Calls an order off, or some of its units: what is reserved of them is available again. Where a part has left, the order is
/// shipped when nothing else of it is left.
///
/// # Errors
/// When the input breaks a rule, there is no such order, its version is another one, it has left or ended otherwise, or fewer
/// units of a line have not left.
pub async fn cancel(tx: &mut Tx, id: Uuid, expected: Option<i64>, new: &NewCancellation) -> Result<Order, StoreError> {
    new.validate()?;
    let mut locked = lock(tx, id).await?;
    let is_done = match locked.order.status {
        OrderStatus::Cancelled => true,
        OrderStatus::Shipped => locked.order.reason == Some(OrderReason::CancelledByRequest),
        _ => false,
    };
    if is_done && new.lines.is_none() {
        return Ok(locked.order);
    }
    expect_version(expected, locked.order.version)?;
    if !locked.order.status.may_be_reduced() {
        return Err(wrong_state(&locked.order, locked.order.status, "cancelled"));
    }
    let mut items = locked.items(tx).await?;
    let held = locked.held(&items);
    let before = locked.order.clone();
    let order = &mut locked.order;
    let taken = fulfilment::cancel(order, &held, new)?;
    change(tx, &mut items, order.id, MovementKind::Release, &taken)?;
    let status = order.settled_status();
    let event = if status == OrderStatus::Cancelled {
        EventType::OrderCancelled
    } else {
        EventType::OrderPartlyCancelled
    };
    order.reason = match status {
        OrderStatus::Cancelled | OrderStatus::Shipped => Some(OrderReason::CancelledByRequest),
        _ if order.reason == Some(OrderReason::PartlyReserved) && order.open() == 0 => None,
        _ => order.reason,
    };
    orders::turn(tx, &before, order, status, "orders_cancel", event)?;
    if order.waits() {
        // It wants less than before: perhaps that is there.
        for line in order.lines.iter().filter(|line| line.open() > 0) {
            tx.stock_came(line.product_id);
        }
    }
    let order = locked.order.clone();
    let rows = [("reservations_taken", json(&locked.after(&order, &taken, "released"))?)];
    stage(tx, &order, items, rows)?;
    Ok(order)
}

/// Changes the levels of what is taken.
fn change(
    tx: &mut Tx,
    items: &mut BTreeMap<i64, LockedItem>,
    order_id: Uuid,
    kind: MovementKind,
    taken: &[Taken],
) -> Result<(), StoreError> {
    for taken in taken {
        let item = items
            .get_mut(&taken.stock_item_id)
            .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))?;
        let on_hand_delta = if kind == MovementKind::Shipment {
            -taken.quantity
        } else {
            0
        };
        item.change(tx, kind, on_hand_delta, -taken.quantity, Cause::order(order_id))?;
    }
    Ok(())
}

/// Leaves everything about one order to be written with the commit.
pub(crate) fn stage(
    tx: &mut Tx,
    order: &Order,
    items: BTreeMap<i64, LockedItem>,
    rows: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<(), StoreError> {
    let mut changed = OrderRows::default();
    changed.update(order)?;
    let mut all = changed.into_changed()?;
    all.extend(stock::settle(tx, items.into_values().collect())?);
    all.extend(rows);
    tx.stage(&FULFILMENT, all)
}
