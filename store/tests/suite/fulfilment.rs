use super::{Database, caller, message, order};
use inventory_domain::{
    Conflict, Refusal,
    order::{NewOrder, OnShortage, Order, OrderReason, OrderStatus},
    returns::{Disposition, NewReturn, NewReturnLine, ReturnReason},
    shipment::{LineUnits, NewCancellation, NewShipment},
    stock::AdjustStock,
};
use inventory_store::{
    Page, Store, StoreError,
    backorders::{self, Place},
    fulfilment,
    orders::{self, OrderFilter},
    processing, returns, shipments, stock,
};
use std::sync::Arc;
use tokio::sync::Barrier;
use uuid::Uuid;

async fn decided(database: &Database, new: NewOrder) -> Order {
    let id = Uuid::now_v7();
    processing::process(&database.store, &caller(), &[message(id, new)], &[])
        .await
        .unwrap();
    orders::get(&database.store, id).await.unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "as the inputs have it: `None` is everything")]
fn units(lines: &[(i64, i64)]) -> Option<Vec<LineUnits>> {
    let of = |&(line, quantity)| LineUnits {
        line,
        quantity: Some(quantity),
    };
    Some(lines.iter().map(of).collect())
}

async fn ship(store: &Store, id: Uuid, lines: &[(i64, i64)]) -> Result<Order, StoreError> {
    let mut tx = store.begin(caller());
    let new = NewShipment {
        lines: units(lines),
        carrier: Some("DHL".into()),
        tracking: Some("JJD0099".into()),
        ..NewShipment::default()
    };
    let order = fulfilment::ship(&mut tx, id, None, &new).await?;
    tx.commit().await?;
    Ok(order)
}

async fn ship_all(store: &Store, id: Uuid) -> Result<Order, StoreError> {
    let mut tx = store.begin(caller());
    let order = fulfilment::ship(&mut tx, id, None, &NewShipment::default()).await?;
    tx.commit().await?;
    Ok(order)
}

async fn cancel(store: &Store, id: Uuid, lines: Option<Vec<LineUnits>>) -> Result<Order, StoreError> {
    let mut tx = store.begin(caller());
    let order = fulfilment::cancel(&mut tx, id, None, &NewCancellation { lines }).await?;
    tx.commit().await?;
    Ok(order)
}

async fn give_back(
    store: &Store,
    id: Uuid,
    location_id: Option<i64>,
    lines: &[(i64, i64, Disposition)],
) -> Result<Order, StoreError> {
    let mut tx = store.begin(caller());
    let line = |&(line, quantity, disposition)| NewReturnLine {
        line,
        quantity,
        disposition,
        reason: ReturnReason::Unwanted,
    };
    let new = NewReturn {
        location_id,
        lines: lines.iter().map(line).collect(),
    };
    let (_, order) = returns::create(&mut tx, id, None, &new).await?;
    tx.commit().await?;
    Ok(order)
}

fn conflict(result: Result<Order, StoreError>) -> Conflict {
    match result {
        Err(StoreError::Refused(Refusal::Conflict { conflict, .. })) => conflict,
        other => panic!("must be refused: {other:?}"),
    }
}

/// On hand and reserved.
async fn level(database: &Database, item: i64) -> (i64, i64) {
    let level = stock::get(&database.store, item).await.unwrap();
    (level.quantity, level.reserved)
}

async fn fill_all(store: &Store, product_id: i64) -> usize {
    let (mut filled, mut place) = (0, Place::START);
    loop {
        let step = backorders::fill(store.begin(caller()), product_id, place, 4)
            .await
            .unwrap();
        filled += step.orders;
        match step.next {
            Some(next) => place = next,
            None => return filled,
        }
    }
}

pub async fn an_order_leaves_in_parts(database: &Database) {
    let product = database.product("A-1", 0).await;
    let (here, there) = (
        database.add(product.id, 4, Some("HERE")).await,
        database.add(product.id, 10, Some("THERE")).await,
    );
    // Two lines of one order name one item: what counts is their sum.
    let mut new = order(&[("A-1", 5), ("A-1", 5), ("A-1", 3)], OnShortage::Reject);
    new.hold_minutes = Some(30);
    let placed = decided(database, new).await;
    assert_eq!(placed.status, OrderStatus::Confirmed);
    assert_eq!(
        (level(database, here.id).await, level(database, there.id).await),
        ((4, 4), (10, 9))
    );

    let part = ship(&database.store, placed.id, &[(1, 4), (3, 3)]).await.unwrap();
    assert_eq!(
        (part.status, part.version, part.expires_at),
        (OrderStatus::PartlyShipped, 2, None)
    );
    assert_eq!(orders::get(&database.store, placed.id).await.unwrap(), part);
    for (status, count) in [(OrderStatus::PartlyShipped, 1), (OrderStatus::Confirmed, 0)] {
        let filter = OrderFilter {
            status: Some(status),
            customer: None,
            ..OrderFilter::default()
        };
        assert_eq!(orders::count(&database.store, &filter).await.unwrap(), count);
        let listed = orders::list(&database.store, &filter, Page::default()).await.unwrap();
        assert_eq!(listed.len() as i64, count);
    }
    // Its hold is over: a part has left.
    let later = inventory_store::clock().plus_minutes(31);
    let expired = orders::expire_due(database.store.begin_at(caller(), later), 10).await;
    assert_eq!(expired.unwrap(), 0);

    assert_eq!(
        conflict(ship(&database.store, placed.id, &[(1, 2)]).await),
        Conflict::OrderLineUnits
    );
    assert_eq!(
        conflict(ship(&database.store, placed.id, &[(3, 1)]).await),
        Conflict::OrderLineUnits
    );
    let unknown = ship(&database.store, placed.id, &[(4, 1)]).await;
    assert!(matches!(unknown, Err(StoreError::Refused(Refusal::Invalid(_)))));

    // What is at one place.
    let mut tx = database.begin();
    let here_only = NewShipment {
        location_id: Some(here.location_id),
        ..NewShipment::default()
    };
    let nothing = fulfilment::ship(&mut tx, placed.id, None, &here_only).await;
    drop(tx);
    assert_eq!(conflict(nothing), Conflict::OrderLineUnits, "all of it has left");
    for _ in 0..2 {
        let whole = ship_all(&database.store, placed.id).await.unwrap();
        assert_eq!(
            (whole.status, whole.version),
            (OrderStatus::Shipped, 3),
            "the second time changes nothing"
        );
    }
    assert_eq!(
        (level(database, here.id).await, level(database, there.id).await),
        ((0, 0), (1, 0))
    );
    let sent = shipments::of_order(&database.store, placed.id, Page::default())
        .await
        .unwrap();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        (sent[0].carrier.as_deref(), sent[0].tracking.as_deref()),
        (Some("DHL"), Some("JJD0099"))
    );
    let of = |n: usize| {
        sent[n]
            .lines
            .iter()
            .map(|line| (line.line, line.location.as_str(), line.quantity))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0), [(1, "HERE", 4), (3, "THERE", 3)]);
    assert_eq!(of(1), [(1, "THERE", 1), (2, "THERE", 5)]);
    let events =
        "SELECT COUNT(*) FROM outbox WHERE type IN ('inventory.order.partly_shipped', 'inventory.order.shipped')";
    assert_eq!(database.number(events).await, 2);
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE action = 'orders_ship'")
            .await,
        2
    );
}

pub async fn units_are_called_off(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let placed = decided(database, order(&[("A-1", 6), ("A-1", 2)], OnShortage::Reject)).await;
    let less = cancel(&database.store, placed.id, units(&[(1, 2)])).await.unwrap();
    assert_eq!(
        (less.status, less.lines[0].cancelled, less.lines[0].reserved),
        (OrderStatus::Confirmed, 2, 4)
    );
    assert_eq!(level(database, item.id).await, (10, 6));
    assert_eq!(
        conflict(cancel(&database.store, placed.id, units(&[(1, 5)])).await),
        Conflict::OrderLineUnits
    );
    ship(&database.store, placed.id, &[(1, 1)]).await.unwrap();
    // A line whole, by its number alone.
    let line = LineUnits {
        line: 2,
        quantity: None,
    };
    let less = cancel(&database.store, placed.id, Some(vec![line])).await.unwrap();
    assert_eq!((less.status, less.lines[1].cancelled), (OrderStatus::PartlyShipped, 2));
    for _ in 0..2 {
        let rest = cancel(&database.store, placed.id, None).await.unwrap();
        assert_eq!(
            (rest.status, rest.reason, rest.version),
            (OrderStatus::Shipped, Some(OrderReason::CancelledByRequest), 5),
            "one unit has left, nothing more will"
        );
        assert_eq!((rest.lines[0].shipped, rest.lines[0].cancelled), (1, 5));
    }
    assert_eq!(level(database, item.id).await, (9, 0));
    assert_eq!(
        conflict(cancel(&database.store, placed.id, units(&[(1, 1)])).await),
        Conflict::OrderState
    );

    let whole = decided(database, order(&[("A-1", 3)], OnShortage::Reject)).await;
    let gone = cancel(&database.store, whole.id, units(&[(1, 3)])).await.unwrap();
    assert_eq!(
        (gone.status, gone.reason),
        (OrderStatus::Cancelled, Some(OrderReason::CancelledByRequest))
    );
    assert_eq!(level(database, item.id).await, (9, 0));
    let released = "SELECT COUNT(*) FROM movements WHERE kind = 'release'";
    assert_eq!(database.number(released).await, 4);
}

pub async fn what_is_called_off_before_the_decision_is_not_reserved(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 3, None).await;
    let new = order(&[("A-1", 5), ("A-1", 1)], OnShortage::Reject);
    let mut tx = database.begin();
    let placed = orders::create(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    let less = cancel(&database.store, placed.id, units(&[(1, 3)])).await.unwrap();
    assert_eq!(less.status, OrderStatus::Pending);
    processing::process(&database.store, &caller(), &[message(placed.id, new)], &[])
        .await
        .unwrap();
    let decided = orders::get(&database.store, placed.id).await.unwrap();
    assert_eq!(
        (decided.status, decided.reason),
        (OrderStatus::Confirmed, None),
        "two and one are there"
    );
    assert_eq!((decided.lines[0].reserved, decided.lines[0].cancelled), (2, 3));
    assert_eq!(level(database, item.id).await, (3, 3));
}

pub async fn what_came_back_is_sold_again_or_written_off(database: &Database) {
    let product = database.product("A-1", 0).await;
    let (item, other) = (
        database.add(product.id, 10, Some("MAIN")).await,
        database.add(product.id, 0, Some("RETURNS")).await,
    );
    let placed = decided(database, order(&[("A-1", 6), ("A-1", 2)], OnShortage::Reject)).await;
    let early = give_back(&database.store, placed.id, None, &[(1, 1, Disposition::Restock)]).await;
    assert_eq!(conflict(early), Conflict::OrderLineUnits, "nothing has left yet");
    ship(&database.store, placed.id, &[(1, 5)]).await.unwrap();
    let both = [(1, 2, Disposition::Restock), (1, 1, Disposition::WriteOff)];
    let order = give_back(&database.store, placed.id, None, &both).await.unwrap();
    assert_eq!((order.status, order.lines[0].returned), (OrderStatus::PartlyShipped, 3));
    assert_eq!(level(database, item.id).await, (7, 3), "two are on the shelf again");
    // Each alone could be, together they are more than the customer has.
    let twice = [(1, 2, Disposition::Restock), (1, 1, Disposition::WriteOff)];
    let more = give_back(&database.store, placed.id, None, &twice).await;
    assert_eq!(conflict(more), Conflict::OrderLineUnits);
    let elsewhere = [(1, 2, Disposition::Restock)];
    give_back(&database.store, placed.id, Some(other.location_id), &elsewhere)
        .await
        .unwrap();
    assert_eq!(level(database, other.id).await, (2, 0));
    let nowhere = give_back(&database.store, placed.id, Some(4711), &elsewhere).await;
    assert!(matches!(nowhere, Err(StoreError::Refused(_))));

    let listed = returns::of_order(&database.store, placed.id, Page::default())
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
    let of: Vec<_> = listed[0]
        .lines
        .iter()
        .map(|line| (line.quantity, line.stock_item_id))
        .collect();
    assert_eq!(of, [(2, Some(item.id)), (1, None)]);
    assert_eq!(returns::get(&database.store, listed[1].id).await.unwrap(), listed[1]);
    assert!(returns::get(&database.store, Uuid::nil()).await.is_err());
    let moved = "SELECT COUNT(*) FROM movements WHERE kind = 'return' AND reason = 'return' AND order_id IS NOT NULL";
    assert_eq!(database.number(moved).await, 2);
    let told = "SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.returned'";
    assert_eq!(database.number(told).await, 2);
    let written = "SELECT COUNT(*) FROM audit WHERE action = 'returns_create'";
    assert_eq!(database.number(written).await, 2);
}

pub async fn who_waits_longest_is_served_first(database: &Database) {
    let (a, b) = (database.product("A-1", 0).await, database.product("B-1", 0).await);
    let item = database.add(a.id, 0, None).await;
    let mut waiting = Vec::new();
    for lines in [
        &[("A-1", 5)][..],
        &[("A-1", 1), ("B-1", 1)],
        &[("A-1", 3)],
        &[("A-1", 2)],
        &[("A-1", 2)],
    ] {
        waiting.push(decided(database, order(lines, OnShortage::Backorder)).await.id);
    }
    assert_eq!(fill_all(&database.store, a.id).await, 0);
    // The first wants five and the second something that is not there: neither keeps those behind it waiting.
    database.add(a.id, 4, None).await;
    assert_eq!(fill_all(&database.store, a.id).await, 1);
    database.add(a.id, 1, None).await;
    assert_eq!(
        fill_all(&database.store, a.id).await,
        1,
        "one was left, now the fourth has its two"
    );
    let status = async |n: usize| orders::get(&database.store, waiting[n]).await.unwrap();
    assert_eq!(status(2).await.status, OrderStatus::Confirmed);
    assert_eq!((status(2).await.reason, status(2).await.version), (None, 2));
    assert_eq!(status(3).await.status, OrderStatus::Confirmed);
    database.add(a.id, 6, None).await;
    assert_eq!(fill_all(&database.store, a.id).await, 1, "the oldest comes first");
    assert_eq!(status(0).await.status, OrderStatus::Confirmed);
    assert_eq!(
        (status(1).await.status, status(4).await.status),
        (OrderStatus::Backordered, OrderStatus::Backordered)
    );
    // It wants less: what is left of it is there.
    cancel(&database.store, waiting[1], units(&[(2, 1)])).await.unwrap();
    assert_eq!(
        backorders::products_to_hand_out(&database.store).await.unwrap(),
        [a.id].into()
    );
    assert_eq!(fill_all(&database.store, a.id).await, 1);
    assert_eq!(status(1).await.status, OrderStatus::Confirmed);
    assert_eq!(level(database, item.id).await, (11, 11));
    cancel(&database.store, waiting[4], None).await.unwrap();
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM order_lines WHERE waiting_since IS NOT NULL")
            .await,
        0
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.confirmed'")
            .await,
        4
    );
    let _ = b;
}

pub async fn part_of_what_is_wanted_comes_with_each_delivery(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 2, None).await;
    let placed = decided(database, order(&[("A-1", 3), ("A-1", 4)], OnShortage::PartialBackorder)).await;
    assert_eq!(
        (placed.status, placed.reason),
        (OrderStatus::Confirmed, Some(OrderReason::PartlyReserved))
    );
    assert_eq!((placed.lines[0].reserved, placed.lines[1].reserved), (2, 0));
    // Nothing at all is there for the next.
    let next = decided(database, order(&[("A-1", 1)], OnShortage::PartialBackorder)).await;
    assert_eq!(next.status, OrderStatus::Backordered);
    let part = ship_all(&database.store, placed.id).await.unwrap();
    assert_eq!(part.status, OrderStatus::PartlyShipped, "the rest is still to come");
    for (came, reserved) in [(1, (3, 0)), (2, (3, 2))] {
        database.add(product.id, came, None).await;
        assert_eq!(fill_all(&database.store, product.id).await, 1);
        let now = orders::get(&database.store, placed.id).await.unwrap();
        assert_eq!((now.lines[0].reserved, now.lines[1].reserved), reserved);
        assert_eq!(now.status, OrderStatus::PartlyShipped);
    }
    database.add(product.id, 5, None).await;
    assert_eq!(fill_all(&database.store, product.id).await, 2);
    assert_eq!(level(database, item.id).await, (8, 6));
    let full = orders::get(&database.store, placed.id).await.unwrap();
    assert_eq!((full.reason, full.open()), (None, 0));
    let whole = ship_all(&database.store, placed.id).await.unwrap();
    assert_eq!((whole.status, whole.lines[1].shipped), (OrderStatus::Shipped, 4));
    assert_eq!(level(database, item.id).await, (3, 1));
}

pub async fn every_way_that_stock_comes_is_told(database: &Database) {
    let product = database.product("A-1", 0).await;
    let came = || backorders::products_that_came(&database.store);
    let item = database.add(product.id, 5, None).await;
    assert_eq!(came(), [product.id].into());
    backorders::stock_came(&database.store).await;

    let mut new = order(&[("A-1", 2)], OnShortage::Reject);
    new.hold_minutes = Some(30);
    let first = decided(database, new).await;
    assert_eq!(came(), [].into(), "less is no reason to look");
    cancel(&database.store, first.id, None).await.unwrap();
    assert_eq!(came(), [product.id].into());

    let mut new = order(&[("A-1", 2)], OnShortage::Reject);
    new.hold_minutes = Some(30);
    decided(database, new).await;
    let later = inventory_store::clock().plus_minutes(31);
    let expired = orders::expire_due(database.store.begin_at(caller(), later), 10).await;
    assert_eq!((expired.unwrap(), came()), (1, [product.id].into()));

    for (delta, expected) in [(-1, 0), (3, 1)] {
        let mut tx = database.begin();
        let adjust = AdjustStock {
            delta,
            reason: inventory_domain::movement::Reason::Count,
            note: None,
        };
        stock::adjust(&mut tx, item.id, None, &adjust).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(came().len(), expected);
    }
    let sold = decided(database, order(&[("A-1", 2)], OnShortage::Reject)).await;
    ship_all(&database.store, sold.id).await.unwrap();
    assert_eq!(came(), [].into());
    give_back(&database.store, sold.id, None, &[(1, 1, Disposition::WriteOff)])
        .await
        .unwrap();
    assert_eq!(came(), [].into());
    give_back(&database.store, sold.id, None, &[(1, 1, Disposition::Restock)])
        .await
        .unwrap();
    assert_eq!(came(), [product.id].into());

    let mut tx = database.begin();
    let error = stock::adjust(
        &mut tx,
        item.id,
        None,
        &AdjustStock {
            delta: -500,
            reason: inventory_domain::movement::Reason::Loss,
            note: None,
        },
    );
    assert!(error.await.is_err());
    drop(tx);
    assert_eq!(came(), [].into(), "what is not committed has not come");
}

pub async fn statements_do_not_grow_with_those_who_wait(database: &Database) {
    let product = database.product("A-1", 0).await;
    let mut used = Vec::new();
    for size in [1_usize, 20, 100] {
        for part in (0..size).collect::<Vec<_>>().chunks(50) {
            let batch: Vec<_> = part
                .iter()
                .map(|_| message(Uuid::now_v7(), order(&[("A-1", 1)], OnShortage::Backorder)))
                .collect();
            processing::process(&database.store, &caller(), &batch, &[])
                .await
                .unwrap();
        }
        database.add(product.id, size as i64, None).await;
        let before = database.store.statements();
        let filled = backorders::fill(database.begin(), product.id, Place::START, 1_000)
            .await
            .unwrap();
        assert_eq!((filled.orders, filled.next), (size, None));
        used.push(database.store.statements() - before);
    }
    assert!(used.iter().all(|n| *n == used[0]), "{used:?}");
    assert!(used[0] <= 20, "{used:?}");
}

pub async fn cancelling_against_shipping(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 400, None).await;
    let mut placed = Vec::new();
    for _ in 0..40 {
        placed.push(
            decided(database, order(&[("A-1", 4), ("A-1", 1)], OnShortage::Reject))
                .await
                .id,
        );
    }
    assert_eq!(level(database, item.id).await, (400, 200));
    let mut tasks = Vec::new();
    for id in placed.clone() {
        let barrier = Arc::new(Barrier::new(2));
        let (store, together) = (database.store.clone(), Arc::clone(&barrier));
        tasks.push(tokio::spawn(async move {
            together.wait().await;
            ship_all(&store, id).await.is_ok()
        }));
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            barrier.wait().await;
            cancel(&store, id, None).await.is_ok()
        }));
    }
    let mut won = Vec::new();
    for task in tasks {
        won.push(task.await.unwrap());
    }
    let mut shipped = 0;
    for (id, won) in placed.iter().zip(won.chunks(2)) {
        assert_ne!(won[0], won[1], "one of them, never both");
        let order = orders::get(&database.store, *id).await.unwrap();
        let expected = if won[0] {
            OrderStatus::Shipped
        } else {
            OrderStatus::Cancelled
        };
        assert_eq!(order.status, expected);
        shipped += i64::from(won[0]);
    }
    assert_eq!(level(database, item.id).await, (400 - 5 * shipped, 0));
    assert_eq!(database.number("SELECT COUNT(*) FROM shipments").await, shipped);
}

pub async fn parts_that_leave_at_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 60, None).await;
    let placed = decided(database, order(&[("A-1", 25), ("A-1", 25)], OnShortage::Reject)).await;
    let mut tasks = Vec::new();
    for n in 0..80 {
        let (store, id, line) = (database.store.clone(), placed.id, n % 2 + 1);
        tasks.push(tokio::spawn(async move {
            let done = if n % 8 < 5 {
                ship(&store, id, &[(line, 1)]).await
            } else {
                cancel(&store, id, units(&[(line, 1)])).await
            };
            (n % 8 < 5, done)
        }));
    }
    let (mut shipped, mut cancelled) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            (true, Ok(_)) => shipped += 1,
            (false, Ok(_)) => cancelled += 1,
            (_, refused) => {
                let conflict = conflict(refused);
                assert!(
                    matches!(conflict, Conflict::OrderLineUnits | Conflict::OrderState),
                    "{conflict:?}"
                );
            }
        }
    }
    assert_eq!(shipped + cancelled, 50, "each unit once");
    let order = orders::get(&database.store, placed.id).await.unwrap();
    assert_eq!((order.status, order.version), (OrderStatus::Shipped, 51));
    assert_eq!(order.lines.iter().map(|line| line.shipped).sum::<i64>(), shipped);
    assert_eq!(order.lines.iter().map(|line| line.cancelled).sum::<i64>(), cancelled);
    assert_eq!(level(database, item.id).await, (60 - shipped, 0));
    assert_eq!(database.number("SELECT COUNT(*) FROM shipments").await, shipped);
}

pub async fn returns_at_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 20, None).await;
    let placed = decided(database, order(&[("A-1", 20)], OnShortage::Reject)).await;
    ship_all(&database.store, placed.id).await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..30 {
        let (store, id) = (database.store.clone(), placed.id);
        tasks.push(tokio::spawn(async move {
            give_back(&store, id, None, &[(1, 1, Disposition::Restock)])
                .await
                .is_ok()
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += i64::from(task.await.unwrap());
    }
    assert_eq!(done, 20);
    assert_eq!(level(database, item.id).await, (20, 0));
}

/// The same return is posted by everybody at once: at the place that it came from, and at another one.
pub async fn a_return_posted_twice_comes_back_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 60, None).await;
    let other = database.add(product.id, 0, Some("RETURNS")).await;
    let mut placed = Vec::new();
    for _ in 0..6 {
        let id = decided(database, order(&[("A-1", 7), ("A-1", 3)], OnShortage::Reject))
            .await
            .id;
        ship_all(&database.store, id).await.unwrap();
        placed.push(id);
    }
    for (number, id) in placed.into_iter().enumerate() {
        let place = (number % 2 == 1).then_some(other.location_id);
        // As many as there are connections, and more.
        let start = Arc::new(Barrier::new(12));
        let mut tasks = Vec::new();
        for _ in 0..12 {
            let (store, start) = (database.store.clone(), Arc::clone(&start));
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                let all = [(1, 7, Disposition::Restock), (2, 3, Disposition::WriteOff)];
                match give_back(&store, id, place, &all).await {
                    Ok(_) => true,
                    refused => {
                        assert_eq!(conflict(refused), Conflict::OrderLineUnits);
                        false
                    }
                }
            }));
        }
        let mut done = 0;
        for task in tasks {
            done += usize::from(task.await.unwrap());
        }
        assert_eq!(done, 1);
    }
    assert_eq!(level(database, item.id).await, (3 * 7, 0));
    assert_eq!(level(database, other.id).await, (3 * 7, 0));
    assert_eq!(database.number("SELECT COUNT(*) FROM returns").await, 6);
}

pub async fn two_instances_hand_out_at_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 0, None).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        let batch: Vec<_> = (0..10)
            .map(|_| message(Uuid::now_v7(), order(&[("A-1", 2)], OnShortage::Backorder)))
            .collect();
        ids.extend(batch.iter().map(|message| message.order_id));
        processing::process(&database.store, &caller(), &batch, &[])
            .await
            .unwrap();
    }
    let other = database.with_one_connection();
    let mut tasks = Vec::new();
    for store in [
        database.store.clone(),
        other.clone(),
        database.store.clone(),
        other.clone(),
    ] {
        let (arriving, product_id) = (database.store.clone(), product.id);
        tasks.push(tokio::spawn(async move {
            let mut tx = arriving.begin(caller());
            let add = inventory_domain::stock::AddStock {
                product_id,
                quantity: 33,
                location: None,
                location_id: None,
                reason: None,
                reorder_point: None,
            };
            stock::add(&mut tx, &add).await.unwrap();
            tx.commit().await.unwrap();
            fill_all(&store, product_id).await
        }));
    }
    let mut filled = 0;
    for task in tasks {
        filled += task.await.unwrap();
    }
    // Whoever was last to see what came has left nobody out.
    filled += fill_all(&database.store, product.id).await;
    other.close().await;
    assert_eq!(filled, 66, "132 came, two for each");
    assert_eq!(level(database, item.id).await, (132, 132));
    let mut waiting = 0;
    for (n, id) in ids.iter().enumerate() {
        let order = orders::get(&database.store, *id).await.unwrap();
        // Orders of one batch are of one age; the oldest six batches are served before the seventh.
        match order.status {
            OrderStatus::Confirmed => assert!(n < 70, "{n}"),
            OrderStatus::Backordered => {
                waiting += 1;
                assert!(n >= 60, "{n}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(waiting, 34);
}

pub async fn calling_off_against_the_decision(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 1_000, None).await;
    let new = order(&[("A-1", 5), ("A-1", 2)], OnShortage::Reject);
    let mut placed = Vec::new();
    for _ in 0..40 {
        let mut tx = database.begin();
        placed.push(orders::create(&mut tx, &new).await.unwrap().id);
        tx.commit().await.unwrap();
    }
    let mut tasks = Vec::new();
    for id in placed.clone() {
        let barrier = Arc::new(Barrier::new(2));
        let (store, together, new) = (database.store.clone(), Arc::clone(&barrier), new.clone());
        tasks.push(tokio::spawn(async move {
            together.wait().await;
            processing::process(&store, &caller(), &[message(id, new)], &[])
                .await
                .unwrap();
        }));
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            barrier.wait().await;
            cancel(&store, id, units(&[(1, 3)])).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(
        level(database, item.id).await,
        (1_000, 160),
        "four of seven each, whoever came first"
    );
    for id in placed {
        let order = orders::get(&database.store, id).await.unwrap();
        assert_eq!(order.status, OrderStatus::Confirmed);
        assert_eq!((order.lines[0].reserved, order.lines[0].cancelled), (2, 3));
    }
}
