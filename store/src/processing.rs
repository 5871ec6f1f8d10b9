//! A batch of orders, decided in one transaction: lock, decide, write.
//!
//! The number of statements does not grow with the batch. Row locks are taken in one order everywhere (orders by id, then stock
//! items by id) and held for one round of statements: what is needed is read under the locks, decided by a pure function, and
//! written in one go.

use crate::{
    StoreError, TraceParent, Tx,
    db::{Caller, Store, clock, json},
    holds,
    names::{self, Ordering},
    orders::{self, LoadedOrder, NewReservationRow, OrderRows, subject},
    parked::NewParked,
    stock::{self, Cause, LockedItem},
};
use inventory_domain::{
    Refusal, Timestamp,
    allocation::{self, Allotment, Demand, DemandLine, StockLevel},
    event::EventType,
    movement::MovementKind,
    order::{NewOrder, Order, OrderLine, OrderStatus},
    parked::ParkReason,
    payment::Payment,
    product::ProductStatus,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};
use uuid::Uuid;

/// How often a batch is begun anew because another instance inserted one of its orders meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// An order to decide, from a message.
#[derive(Clone, Debug)]
pub struct OrderMessage {
    /// Its id.
    pub order_id: Uuid,
    /// What is ordered; its form is valid.
    pub order: NewOrder,
    /// The customer's id, which then stands for [`NewOrder::customer`]: our own events carry no reference.
    pub customer_id: Option<i64>,
    /// Where in which trace it is decided; `None`: where the batch is.
    pub trace: Option<TraceParent>,
    /// The message, to be parked where the database knows that it cannot be decided.
    pub message: NewParked,
}

impl OrderMessage {
    fn ordering(&self) -> Ordering<'_> {
        self.customer_id
            .map_or(Ordering::Reference(&self.order.customer), Ordering::Id)
    }
}

/// What became of an order message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was decided now.
    Decided(OrderStatus),
    /// It had been decided before; nothing changed.
    Repeated(OrderStatus),
    /// It was parked.
    Parked(ParkReason),
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processed {
    /// For each message, in their order.
    pub outcomes: Vec<Outcome>,
    /// From an order being placed to its decision, for each that was decided now; without those that came by queue alone and
    /// were placed and decided in one.
    pub waits: Vec<Duration>,
}

/// Decides `messages` in their order, and parks them and `unreadable` where that is all that can be done, in one transaction.
/// Deciding the same messages again changes nothing and says the same.
///
/// # Errors
/// When the database is away or refuses the data; then nothing was done.
pub async fn process(
    store: &Store,
    caller: &Caller,
    messages: &[OrderMessage],
    unreadable: &[NewParked],
) -> Result<Processed, StoreError> {
    process_at(store, caller, clock(), messages, unreadable).await
}

/// As [`process`], by a clock that says `now`.
///
/// # Errors
/// When the database is away or refuses the data; then nothing was done.
pub async fn process_at(
    store: &Store,
    caller: &Caller,
    now: Timestamp,
    messages: &[OrderMessage],
    unreadable: &[NewParked],
) -> Result<Processed, StoreError> {
    let mut attempt = 1;
    loop {
        let is_last = attempt == ATTEMPTS_MAX;
        match try_process(store, caller, now, messages, unreadable, is_last).await {
            Ok(Attempt::Done(processed)) => return Ok(processed),
            // They may have units of other products, too, which would have to be locked before those that are locked now.
            Ok(Attempt::HoldsAreDue(product_ids)) => {
                holds::expire_on(store.begin_at(caller.clone(), now), &product_ids).await?;
            }
            // Another instance has inserted one of our orders, or erased a customer: what it wrote is visible to the next attempt.
            Err(error) if !is_last && (error.is_unique_violation() || error.is_missing_reference()) => {}
            Err(error) => return Err(error),
        }
        attempt += 1;
    }
}

/// How an attempt at a batch ended.
enum Attempt {
    /// It is decided.
    Done(Processed),
    /// Nothing was done: holds on the stock of these products have to be ended first.
    HoldsAreDue(Vec<i64>),
}

/// What a message wants, with the status of the product of each line; or why it is parked.
type Wanted = Result<(Order, Vec<ProductStatus>), (ParkReason, String)>;

async fn try_process(
    store: &Store,
    caller: &Caller,
    now: Timestamp,
    messages: &[OrderMessage],
    unreadable: &[NewParked],
    is_last: bool,
) -> Result<Attempt, StoreError> {
    let mut tx = store.begin_at(caller.clone(), now);
    let mut parked: Vec<NewParked> = unreadable.to_vec();
    if messages.is_empty() {
        tx.stage(
            &orders::ORDERS,
            [("parked", json(&NewParked::rows(&parked, tx.now()))?)],
        )?;
        tx.commit().await?;
        return Ok(Attempt::Done(Processed::default()));
    }
    let new: Vec<_> = messages
        .iter()
        .map(|message| (&message.order, message.ordering()))
        .collect();
    let mut ids: Vec<Uuid> = messages.iter().map(|message| message.order_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let names = names::resolve_with_ids(&mut tx, &new, ids.clone()).await?;

    // What each message wants, as far as it can be read at all.
    let mut wanted: Vec<Wanted> = Vec::with_capacity(messages.len());
    let mut product_ids = BTreeSet::new();
    for message in messages {
        let Some(customer) = names.customer(message.ordering()) else {
            wanted.push(Err((ParkReason::UnknownCustomer, "no customer has this id".to_owned())));
            continue;
        };
        let lines = names.lines(&message.order);
        wanted.push(match lines {
            Ok((lines, statuses)) => {
                product_ids.extend(lines.iter().map(|line| line.product_id));
                let order = orders::pending(message.order_id, &message.order, customer, lines, now);
                Ok((order, statuses))
            }
            Err(refusal) => Err((ParkReason::UnknownProduct, details(&refusal))),
        });
    }
    let product_ids: Vec<i64> = product_ids.into_iter().collect();

    let mut known: HashMap<Uuid, LoadedOrder> = HashMap::new();
    let mut due = Vec::new();
    for loaded in orders::lock(&mut tx, &ids, &product_ids).await? {
        if orders::is_due(&loaded.order, now) && ids.binary_search(&loaded.order.id).is_err() {
            due.push(loaded);
        } else {
            known.insert(loaded.order.id, loaded);
        }
    }
    let due_units = if due.is_empty() {
        Vec::new()
    } else {
        orders::units(&mut tx, &mut due).await?
    };
    // Of a pending order that has changed some units were called off, perhaps while we waited for it.
    let is_changed = |loaded: &LoadedOrder| loaded.order.status == OrderStatus::Pending && loaded.order.version > 1;
    if known.values().any(is_changed) {
        let (mut changed, others): (Vec<_>, Vec<_>) = known.into_values().partition(is_changed);
        orders::units(&mut tx, &mut changed).await?;
        known = changed
            .into_iter()
            .chain(others)
            .map(|loaded| (loaded.order.id, loaded))
            .collect();
    }
    let due_items: Vec<i64> = due_units.iter().map(|units| units.stock_item_id).collect();
    let items = stock::lock(&mut tx, &product_ids, &due_items).await?;
    if !is_last && items.iter().any(|item| item.has_due_holds) {
        return Ok(Attempt::HoldsAreDue(product_ids));
    }
    let mut items: BTreeMap<i64, LockedItem> = items.into_iter().map(|item| (item.id, item)).collect();

    let mut rows = OrderRows::default();
    orders::expire(&mut tx, &mut due, &due_units, &mut items, &mut rows)?;

    // What is to be decided now, in the order of the batch; what was decided before answers as it did.
    let mut outcomes: Vec<Option<Outcome>> = vec![None; messages.len()];
    let mut to_decide: Vec<(Order, Vec<ProductStatus>, bool, Option<TraceParent>)> = Vec::new();
    let mut position: HashMap<Uuid, usize> = HashMap::new();
    let mut repeats: Vec<(usize, usize)> = Vec::new();
    for (index, (message, wanted)) in messages.iter().zip(wanted).enumerate() {
        let mut park = |reason, detail: String| {
            parked.push(NewParked {
                reason,
                detail,
                ..message.message.clone()
            });
            Some(Outcome::Parked(reason))
        };
        let (order, statuses) = match wanted {
            Ok(wanted) => wanted,
            Err((reason, detail)) => {
                outcomes[index] = park(reason, detail);
                continue;
            }
        };
        let first = position.get(&order.id).copied();
        let earlier = first
            .map(|at| &to_decide[at].0)
            .or_else(|| known.get(&order.id).map(|loaded| &loaded.order));
        match earlier {
            Some(earlier) if !same(earlier, &order) => {
                let detail = format!("order {} exists and says something else", order.id);
                outcomes[index] = park(ParkReason::OrderIdTaken, detail);
            }
            Some(_) if first.is_some() => repeats.extend(first.map(|at| (index, at))),
            Some(earlier) if earlier.status != OrderStatus::Pending => {
                outcomes[index] = Some(Outcome::Repeated(earlier.status));
            }
            // Whoever made the reservation would find that it cannot be committed any more.
            None if names.is_reservation(order.id) => {
                let detail = format!(
                    "{} is a reservation: commit it, or send the order with an id of its own",
                    order.id
                );
                outcomes[index] = park(ParkReason::OrderIdTaken, detail);
            }
            earlier => {
                let is_known = earlier.is_some();
                position.insert(order.id, to_decide.len());
                outcomes[index] = Some(Outcome::Decided(OrderStatus::Pending));
                let trace = message.trace.or(caller.trace);
                let entry = match known.remove(&order.id) {
                    Some(loaded) => (loaded.order, loaded.product_status, is_known, trace),
                    None => (order, statuses, is_known, trace),
                };
                to_decide.push(entry);
            }
        }
    }

    let levels: Vec<StockLevel> = items.values().map(LockedItem::level).collect();
    let demands: Vec<Demand> = to_decide
        .iter()
        .map(|(order, statuses, ..)| demand(order, statuses))
        .collect();
    for (decision, (order, _, is_known, trace)) in allocation::decide(&demands, &levels).into_iter().zip(&mut to_decide)
    {
        order.status = decision.status;
        order.reason = decision.reason;
        order.decided_at = Some(now);
        order.updated_at = now;
        if decision.status == OrderStatus::Confirmed {
            order.expires_at = hold_end(order, now);
        }
        allot(&mut tx, order, &decision.allotments, &mut items, &mut rows)?;
        if *is_known {
            order.version += 1;
            rows.update(order)?;
        } else {
            rows.insert(order)?;
        }
        tx.audit("orders_process", subject(order.id), None, Some(&order.record()))?;
        tx.event_within(*trace, decided_event(order.status), subject(order.id), &order.record())?;
    }
    for (index, outcome) in outcomes.iter_mut().enumerate() {
        if let (Some(Outcome::Decided(status)), Some(at)) = (outcome, position.get(&messages[index].order_id)) {
            *status = to_decide[*at].0.status;
        }
    }
    for (index, at) in repeats {
        outcomes[index] = Some(Outcome::Repeated(to_decide[at].0.status));
    }

    let mut all = rows.into_rows()?;
    all.extend(stock::settle(&mut tx, items.into_values().collect())?);
    all.push(("parked", json(&NewParked::rows(&parked, now))?));
    tx.stage(&orders::ORDERS, all)?;
    tx.commit().await?;
    // The clock that placed an order may be another instance's, and ahead of ours.
    let wait = |order: &Order| Duration::from_micros((now.micros() - order.created_at.micros()).max(0).unsigned_abs());
    let known = to_decide.iter().filter(|(_, _, is_known, _)| *is_known);
    Ok(Attempt::Done(Processed {
        outcomes: outcomes.into_iter().flatten().collect(),
        waits: known.map(|(order, ..)| wait(order)).collect(),
    }))
}

fn details(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(violations) => {
            let details: Vec<_> = violations
                .iter()
                .map(|v| format!("{}: {}", v.pointer, v.detail))
                .collect();
            details.join("; ")
        }
        other => other.to_string(),
    }
}

/// Whether two orders ask for the same: a message that is repeated, not another one under the same id.
fn same(one: &Order, other: &Order) -> bool {
    let lines = |order: &Order| {
        let mut lines: Vec<_> = order
            .lines
            .iter()
            .map(|line| (line.product_id, line.quantity))
            .collect();
        lines.sort_unstable();
        lines
    };
    one.customer_id == other.customer_id && lines(one) == lines(other)
}

/// What an order still wants.
pub(crate) fn demand(order: &Order, statuses: &[ProductStatus]) -> Demand {
    let line = |(line, status): (&OrderLine, &ProductStatus)| DemandLine {
        line: line.line,
        product_id: line.product_id,
        product_status: *status,
        quantity: line.open(),
    };
    let lines = order.lines.iter().zip(statuses).filter(|(line, _)| line.open() > 0);
    Demand {
        order_id: order.id,
        on_shortage: order.on_shortage,
        lines: lines.map(line).collect(),
    }
}

/// When the hold of an order ends that has its units now: never, where it is paid.
pub(crate) fn hold_end(order: &Order, now: Timestamp) -> Option<Timestamp> {
    if order.payment.as_ref().is_some_and(Payment::allows_shipping) {
        return None;
    }
    order.hold_minutes.map(|minutes| now.plus_minutes(minutes))
}

/// Reserves units for an order that is locked or new, on locked items.
pub(crate) fn allot(
    tx: &mut Tx,
    order: &mut Order,
    allotments: &[Allotment],
    items: &mut BTreeMap<i64, LockedItem>,
    rows: &mut OrderRows,
) -> Result<(), StoreError> {
    for allotment in allotments {
        let item = items
            .get_mut(&allotment.stock_item_id)
            .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))?;
        let cause = Cause::order(order.id);
        item.change(tx, MovementKind::Reservation, 0, allotment.quantity, cause)?;
        if let Some(line) = order.lines.iter_mut().find(|line| line.line == allotment.line) {
            line.reserved += allotment.quantity;
        }
        rows.reservations.push(NewReservationRow {
            order_id: order.id,
            line: allotment.line,
            stock_item_id: allotment.stock_item_id,
            quantity: allotment.quantity,
            expires_at: order.expires_at.map(Timestamp::micros),
        });
    }
    Ok(())
}

const fn decided_event(status: OrderStatus) -> EventType {
    match status {
        OrderStatus::Rejected => EventType::OrderRejected,
        OrderStatus::Backordered => EventType::OrderBackordered,
        _ => EventType::OrderConfirmed,
    }
}
