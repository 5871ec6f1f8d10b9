use super::{Database, caller, message, order};
use inventory_domain::{
    Conflict, Refusal,
    hold::{HoldCommit, HoldExtension, HoldStatus, NewHold},
    movement::{MovementKind, Reason},
    order::{NewOrderLine, OnShortage, OrderStatus},
    parked::ParkReason,
    shipment::{NewCancellation, NewShipment},
    stock::AdjustStock,
};
use inventory_store::{
    Page, StoreError, Tx, fulfilment,
    holds::{self, HoldFilter},
    movements, orders, processing, reconcile, stock,
};
use std::sync::Arc;
use tokio::sync::Barrier;
use uuid::Uuid;

fn wanted(lines: &[(&str, i64)]) -> NewHold {
    let line = |(sku, quantity): &(&str, i64)| NewOrderLine {
        product_id: None,
        sku: Some((*sku).to_owned()),
        quantity: *quantity,
    };
    NewHold {
        lines: lines.iter().map(line).collect(),
        location: None,
        location_id: None,
        expires_in_seconds: Some(60),
        reference: Some("cart-7".to_owned()),
    }
}

fn buying(customer: &str) -> HoldCommit {
    HoldCommit {
        customer: customer.to_owned(),
        hold_minutes: None,
        payment: None,
    }
}

async fn hold(database: &Database, new: &NewHold) -> Result<inventory_domain::hold::Hold, StoreError> {
    let mut tx = database.begin();
    let hold = holds::create(&mut tx, new).await?;
    tx.commit().await?;
    Ok(hold)
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> (Conflict, String) {
    match result {
        Err(StoreError::Refused(Refusal::Conflict { conflict, detail })) => (conflict, detail),
        other => panic!("must be a conflict, was {other:?}"),
    }
}

/// A transaction in which every hold of a minute is over.
fn later(database: &Database) -> Tx {
    database
        .store
        .begin_at(caller(), inventory_store::clock().plus_minutes(2))
}

pub async fn a_hold_is_made_extended_released_and_committed(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let first = hold(database, &wanted(&[("A-1", 4)])).await.unwrap();
    assert_eq!((first.status, first.lines[0].quantity), (HoldStatus::Active, 4));
    assert_eq!(holds::get(&database.store, first.id).await.unwrap(), first);
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved, level.available), (10, 4, 6));

    let mut tx = database.begin();
    let extension = HoldExtension {
        expires_in_seconds: 600,
    };
    let extended = holds::extend(&mut tx, first.id, Some(1), extension).await.unwrap();
    tx.commit().await.unwrap();
    assert!(extended.expires_at > first.expires_at);
    assert_eq!(extended.version, 2);
    assert_eq!(
        holds::expire_due(later(database), 10).await.unwrap(),
        0,
        "it has more time"
    );
    let mut tx = database.begin();
    let stale = holds::extend(&mut tx, first.id, Some(1), extension).await;
    assert!(matches!(
        stale,
        Err(StoreError::Refused(Refusal::VersionMismatch { current: 2 }))
    ));
    drop(tx);

    // All of what is left is held by others: the holder still gets its own units.
    let rest = hold(database, &wanted(&[("A-1", 6)])).await.unwrap();
    for is_new in [true, false] {
        let mut tx = database.begin();
        let (order, new) = holds::commit(&mut tx, first.id, None, &buying("C-1")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(new, is_new);
        assert_eq!((order.id, order.status), (first.id, OrderStatus::Confirmed));
        assert_eq!((order.lines[0].quantity, order.lines[0].reserved), (4, 4));
    }
    let mut tx = database.begin();
    let other = holds::commit(&mut tx, first.id, None, &buying("C-2")).await;
    assert_eq!(conflict(other).0, Conflict::ReservationState);
    drop(tx);
    let mut tx = database.begin();
    let too_late = holds::release(&mut tx, first.id, None).await;
    assert_eq!(conflict(too_late).0, Conflict::ReservationState);
    drop(tx);
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 0);

    for _ in 0..2 {
        let mut tx = database.begin();
        let released = holds::release(&mut tx, rest.id, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((released.status, released.version), (HoldStatus::Released, 2));
    }
    let mut tx = database.begin();
    let shipped = fulfilment::ship(&mut tx, first.id, None, &NewShipment::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shipped.lines[0].shipped, 4);
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (6, 0));

    let ledger = movements::list(&database.store, item.id, Page::default())
        .await
        .unwrap();
    let told: Vec<_> = ledger.iter().map(|m| (m.kind, m.reserved_delta, m.order_id)).collect();
    assert_eq!(
        told[1..],
        [
            (MovementKind::Reservation, 4, Some(first.id)),
            (MovementKind::Reservation, 6, Some(rest.id)),
            (MovementKind::Release, -6, Some(rest.id)),
            (MovementKind::Shipment, -4, Some(first.id)),
        ]
    );
    let filter = HoldFilter {
        status: Some(HoldStatus::Released),
        reference: Some("cart-7".to_owned()),
    };
    let listed = holds::list(&database.store, &filter, Page::default()).await.unwrap();
    assert_eq!(listed, [holds::get(&database.store, rest.id).await.unwrap()]);
    assert_eq!(holds::count(&database.store, &HoldFilter::default()).await.unwrap(), 2);
    for (kind, count) in [("created", 2), ("extended", 1), ("committed", 1), ("released", 1)] {
        let events = format!("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.reservation.{kind}'");
        assert_eq!(database.number(&events).await, count, "{kind}");
    }
    let mut tx = database.begin();
    let missing = holds::release(&mut tx, Uuid::now_v7(), None).await;
    assert!(matches!(missing, Err(StoreError::Refused(Refusal::NotFound { .. }))));
}

pub async fn a_hold_that_is_short_of_one_line_takes_nothing(database: &Database) {
    let (a, b) = (database.product("A-1", 0).await, database.product("B-1", 0).await);
    let item = database.add(a.id, 5, None).await;
    database.add(b.id, 1, None).await;
    let records =
        "SELECT (SELECT COUNT(*) FROM movements) + (SELECT COUNT(*) FROM holds) + (SELECT COUNT(*) FROM outbox)";
    let before = database.number(records).await;
    let (found, detail) = conflict(hold(database, &wanted(&[("A-1", 5), ("B-1", 2)])).await);
    assert_eq!(found, Conflict::InsufficientStock);
    assert_eq!(detail, "2 units of B-1 are wanted, 1 are available");
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 5);
    assert_eq!(database.number(records).await, before);
    let unknown = hold(database, &wanted(&[("A-1", 1), ("nope", 1)])).await.unwrap_err();
    assert!(matches!(unknown, StoreError::Refused(Refusal::Invalid(found)) if found[0].pointer == "/lines/1/sku"));
}

pub async fn two_lines_of_one_product_are_checked_against_their_sum(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 5, None).await;
    let (found, _) = conflict(hold(database, &wanted(&[("A-1", 3), ("A-1", 3)])).await);
    assert_eq!(found, Conflict::InsufficientStock);
    let held = hold(database, &wanted(&[("A-1", 3), ("A-1", 2)])).await.unwrap();
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 0);
    let mut tx = database.begin();
    let (order, _) = holds::commit(&mut tx, held.id, None, &buying("C-1")).await.unwrap();
    tx.commit().await.unwrap();
    let lines: Vec<_> = order.lines.iter().map(|line| (line.line, line.reserved)).collect();
    assert_eq!(lines, [(1, 3), (2, 2)]);
}

pub async fn what_is_at_several_places_is_not_held_twice(database: &Database) {
    let product = database.product("A-1", 0).await;
    let near = database.add(product.id, 3, None).await;
    let far = database.add(product.id, 4, Some("Warehouse A")).await;
    let only = NewHold {
        location: Some("Warehouse A".to_owned()),
        ..wanted(&[("A-1", 5)])
    };
    assert_eq!(conflict(hold(database, &only).await).0, Conflict::InsufficientStock);
    let nowhere = NewHold {
        location: Some("Nowhere".to_owned()),
        ..wanted(&[("A-1", 1)])
    };
    let refused = hold(database, &nowhere).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::Invalid(found)) if found[0].pointer == "/location"));
    let split = hold(database, &wanted(&[("A-1", 6)])).await.unwrap();
    let taken: Vec<_> = split
        .lines
        .iter()
        .map(|units| (units.line, units.stock_item_id, units.quantity))
        .collect();
    assert_eq!(taken, [(1, near.id, 3), (1, far.id, 3)]);
    let mut tx = database.begin();
    let (order, _) = holds::commit(&mut tx, split.id, None, &buying("C-1")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((order.lines.len(), order.lines[0].reserved), (1, 6));
    let mut tx = database.begin();
    fulfilment::cancel(&mut tx, order.id, None, &NewCancellation::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stock::get(&database.store, near.id).await.unwrap().available, 3);
    assert_eq!(stock::get(&database.store, far.id).await.unwrap().available, 4);
}

/// Makes every hold, and every order's hold, one that should have ended a minute ago.
async fn make_due(database: &Database) {
    let past = inventory_store::clock().plus_minutes(-1).micros();
    for table in ["holds", "hold_lines", "orders", "reservations"] {
        let update = format!("UPDATE {table} SET expires_at = {past} WHERE expires_at IS NOT NULL");
        database.store.execute_raw(&update).await.unwrap();
    }
}

pub async fn whoever_asks_next_gets_what_was_held_too_long(database: &Database) {
    let (a, b) = (database.product("A-1", 0).await, database.product("B-1", 0).await);
    let item = database.add(a.id, 5, None).await;
    let other = database.add(b.id, 5, None).await;

    // An order from the queue.
    let held = hold(database, &wanted(&[("A-1", 5), ("B-1", 5)])).await.unwrap();
    make_due(database).await;
    let first = Uuid::now_v7();
    let mut asks = order(&[("A-1", 5)], OnShortage::Reject);
    asks.hold_minutes = Some(1);
    let outcomes = processing::process(&database.store, &caller(), &[message(first, asks)], &[])
        .await
        .unwrap()
        .outcomes;
    assert_eq!(outcomes, [processing::Outcome::Decided(OrderStatus::Confirmed)]);
    assert_eq!(
        holds::get(&database.store, held.id).await.unwrap().status,
        HoldStatus::Expired
    );
    assert_eq!(
        stock::get(&database.store, other.id).await.unwrap().available,
        5,
        "all of the hold is over"
    );

    // A hold, after an order's hold.
    make_due(database).await;
    hold(database, &wanted(&[("A-1", 5)])).await.unwrap();
    assert_eq!(
        orders::get(&database.store, first).await.unwrap().status,
        OrderStatus::Expired
    );

    // An adjustment.
    make_due(database).await;
    let mut tx = database.begin();
    let adjust = AdjustStock {
        delta: -5,
        reason: Reason::Damage,
        note: None,
    };
    let left = stock::adjust(&mut tx, item.id, None, &adjust).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((left.quantity, left.reserved), (0, 0));
    assert_eq!(stock::get(&database.store, item.id).await.unwrap(), left);
    assert_eq!(
        holds::expire_due(database.begin(), 10).await.unwrap(),
        0,
        "nothing is left for the timer"
    );
    let active = "SELECT COUNT(*) FROM hold_lines WHERE status = 'active'";
    assert_eq!(database.number(active).await, 0);
}

/// A producer takes the reservation's id for its order's instead of committing it.
pub async fn an_order_with_the_id_of_a_hold_is_parked(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let held = hold(database, &wanted(&[("A-1", 4)])).await.unwrap();
    let (other, twice) = (Uuid::now_v7(), order(&[("A-1", 4)], OnShortage::Reject));
    let batch = [
        message(held.id, twice.clone()),
        message(other, order(&[("A-1", 1)], OnShortage::Reject)),
        message(held.id, twice.clone()),
    ];
    let process = async |batch: &[processing::OrderMessage]| {
        let processed = processing::process(&database.store, &caller(), batch, &[]).await;
        processed.unwrap().outcomes
    };
    let taken = processing::Outcome::Parked(ParkReason::OrderIdTaken);
    let confirmed = processing::Outcome::Decided(OrderStatus::Confirmed);
    assert_eq!(process(&batch).await, [taken, confirmed, taken]);
    let told =
        "SELECT COUNT(*) FROM parked_messages WHERE reason = 'order_id_taken' AND detail LIKE '%is a reservation%'";
    assert_eq!(
        database.number(told).await,
        1,
        "the message is there to be looked at, once"
    );
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.reserved, level.available), (5, 5));

    // The holder still gets its units; the same order is then known, another one is parked.
    let mut tx = database.begin();
    let (ordered, is_new) = holds::commit(&mut tx, held.id, None, &buying(&twice.customer))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(is_new);
    let repeated = processing::Outcome::Repeated(OrderStatus::Confirmed);
    let another = message(held.id, order(&[("A-1", 2)], OnShortage::Reject));
    assert_eq!(process(&[message(held.id, twice), another]).await, [repeated, taken]);
    assert_eq!(orders::get(&database.store, held.id).await.unwrap(), ordered);
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().reserved, 5);

    // A hold that has ended keeps its id.
    let ended = hold(database, &wanted(&[("A-1", 1)])).await.unwrap();
    let mut tx = database.begin();
    holds::release(&mut tx, ended.id, None).await.unwrap();
    tx.commit().await.unwrap();
    let late = message(ended.id, order(&[("A-1", 1)], OnShortage::Reject));
    assert_eq!(process(&[late]).await, [taken]);
}

pub async fn the_last_unit_is_wanted_by_a_hundred(database: &Database) {
    let product = database.product("LAST", 0).await;
    let item = database.add(product.id, 1, None).await;
    let start = Arc::new(Barrier::new(100));
    let mut tasks = Vec::new();
    for number in 0..100 {
        let (store, start) = (database.store.clone(), Arc::clone(&start));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            if number % 2 == 0 {
                let mut tx = store.begin(caller());
                match holds::create(&mut tx, &wanted(&[("LAST", 1)])).await {
                    Ok(_) => {
                        tx.commit().await.unwrap();
                        true
                    }
                    refused => {
                        assert_eq!(conflict(refused).0, Conflict::InsufficientStock);
                        false
                    }
                }
            } else {
                let batch = [message(Uuid::now_v7(), order(&[("LAST", 1)], OnShortage::Reject))];
                let decided = processing::process(&store, &caller(), &batch, &[]).await.unwrap();
                decided.outcomes == [processing::Outcome::Decided(OrderStatus::Confirmed)]
            }
        }));
    }
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap());
    }
    assert_eq!(winners, 1);
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved, level.available), (1, 1, 0));
    let promised = "SELECT (SELECT COUNT(*) FROM hold_lines WHERE status = 'active')
                           + (SELECT COUNT(*) FROM reservations WHERE state = 'active')";
    assert_eq!(database.number(promised).await, 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 50);
}

pub async fn expiring_and_committing_at_once_has_one_winner(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 20, None).await;
    let mut committed = 0;
    for _ in 0..20 {
        let held = hold(database, &wanted(&[("A-1", 1)])).await.unwrap();
        let (one, two) = (database.store.clone(), database.store.clone());
        // The clocks of two instances: for one its time is up, for the other it is not.
        let late = inventory_store::clock().plus_minutes(2);
        let expire = tokio::spawn(async move { holds::expire_due(one.begin_at(caller(), late), 10).await.unwrap() });
        let commit = tokio::spawn(async move {
            let mut tx = two.begin(caller());
            match holds::commit(&mut tx, held.id, None, &buying("C-1")).await {
                Ok((_, is_new)) => {
                    tx.commit().await.unwrap();
                    is_new
                }
                refused => {
                    assert_eq!(conflict(refused).0, Conflict::ReservationState);
                    false
                }
            }
        });
        let (expired, bought) = (expire.await.unwrap(), commit.await.unwrap());
        assert_eq!(expired + usize::from(bought), 1, "exactly one of them");
        committed += i64::from(bought);
        let now = holds::get(&database.store, held.id).await.unwrap().status;
        assert_eq!(
            now,
            if bought {
                HoldStatus::Committed
            } else {
                HoldStatus::Expired
            }
        );
    }
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (20, committed));
    assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, committed);
}

pub async fn committing_at_once_makes_one_order(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 5, None).await;
    let held = hold(database, &wanted(&[("A-1", 2)])).await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut tx = store.begin(caller());
            let (order, is_new) = holds::commit(&mut tx, held.id, None, &buying("C-1")).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(order.id, held.id);
            is_new
        }));
    }
    let mut new = 0;
    for task in tasks {
        new += usize::from(task.await.unwrap());
    }
    assert_eq!(new, 1);
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().reserved, 2);
    let confirmed = "SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.confirmed'";
    assert_eq!(database.number(confirmed).await, 1);
}

pub async fn statements_do_not_grow_with_the_lines_of_a_hold(database: &Database) {
    let skus: Vec<String> = (0..40).map(|n| format!("P-{n}")).collect();
    for sku in &skus {
        let product = database.product(sku, 0).await;
        database.add(product.id, 100, None).await;
    }
    let mut used = Vec::new();
    for size in [1_usize, 40] {
        let before = database.store.statements();
        let lines: Vec<_> = skus[..size].iter().map(|sku| (sku.as_str(), 1)).collect();
        let one = hold(database, &wanted(&lines)).await.unwrap();
        hold(database, &wanted(&lines)).await.unwrap();
        let mut tx = database.begin();
        holds::release(&mut tx, one.id, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(holds::expire_due(later(database), 100).await.unwrap(), 1);
        used.push(database.store.statements() - before);
    }
    assert_eq!(used[0], used[1]);
}

pub async fn a_leaked_hold_is_found_by_reconciling(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    hold(database, &wanted(&[("A-1", 4)])).await.unwrap();
    assert_eq!(reconcile::drift(&database.store, 10).await.unwrap(), []);
    for table in ["holds", "hold_lines"] {
        let update = format!("UPDATE {table} SET status = 'released'");
        database.store.execute_raw(&update).await.unwrap();
    }
    let drift = reconcile::drift(&database.store, 10).await.unwrap();
    assert_eq!((drift[0].reserved, drift[0].reservations), (4, 0));
    assert!(reconcile::repair(database.begin(), item.id).await.unwrap());
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 10);
}

pub async fn looking_for_due_holds_reads_no_whole_table(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10_000, None).await;
    for _ in 0..300 {
        hold(database, &wanted(&[("A-1", 1)])).await.unwrap();
    }
    // What the planner knows now would let it read the table whole.
    database.store.execute_raw("ANALYZE").await.unwrap();
    let statement = stock::lock_statement()
        .replace("$1", &format!("'[{{\"product_id\":{}}}]'", product.id))
        .replace("$2", "'[]'")
        .replace("$3", "0");
    if let Some(plan) = database.store.plan(&statement).await.unwrap() {
        assert!(plan.contains("hold_lines_active"), "{plan}");
        assert!(!plan.contains("Seq Scan on hold_lines"), "{plan}");
    }
}

/// Does it in a transaction of its own once all are there; `false` where the hold had ended.
async fn ending<T: std::fmt::Debug>(
    start: &Barrier,
    tx: Tx,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>,
) -> bool {
    let mut tx = tx;
    start.wait().await;
    match work(&mut tx).await {
        Ok(_) => {
            tx.commit().await.unwrap();
            true
        }
        refused => {
            assert_eq!(conflict(refused).0, Conflict::ReservationState);
            false
        }
    }
}

pub async fn releasing_and_committing_at_once_has_one_winner(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 60, None).await;
    let mut holds_made = Vec::new();
    for _ in 0..20 {
        holds_made.push(hold(database, &wanted(&[("A-1", 2), ("A-1", 1)])).await.unwrap().id);
    }
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 0);
    let mut tasks = Vec::new();
    for id in holds_made {
        let start = Arc::new(Barrier::new(2));
        let (tx, other) = (database.begin(), Arc::clone(&start));
        let release =
            tokio::spawn(async move { ending(&other, tx, async |tx| holds::release(tx, id, None).await).await });
        let tx = database.begin();
        let commit = tokio::spawn(async move {
            ending(&start, tx, async |tx| holds::commit(tx, id, None, &buying("C-1")).await).await
        });
        tasks.push((id, release, commit));
    }
    let mut committed = 0;
    for (id, release, commit) in tasks {
        let (released, bought) = (release.await.unwrap(), commit.await.unwrap());
        assert_ne!(released, bought, "one of them, never both");
        committed += i64::from(bought);
        let expected = if bought {
            HoldStatus::Committed
        } else {
            HoldStatus::Released
        };
        assert_eq!(holds::get(&database.store, id).await.unwrap().status, expected);
    }
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (60, 3 * committed));
    assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, committed);
    let released = "SELECT COUNT(*) FROM outbox WHERE type = 'inventory.reservation.released'";
    assert_eq!(database.number(released).await, 20 - committed);
}

pub async fn extending_and_expiring_at_once_has_one_winner(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 20, None).await;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let id = hold(database, &wanted(&[("A-1", 1)])).await.unwrap().id;
        let start = Arc::new(Barrier::new(2));
        let (tx, other) = (database.begin(), Arc::clone(&start));
        // For one instance its time is up, for the other it is not.
        let late = later(database);
        let expire = tokio::spawn(async move {
            other.wait().await;
            holds::expire_due(late, 1).await.unwrap();
        });
        let extend = tokio::spawn(async move {
            let extension = HoldExtension {
                expires_in_seconds: 600,
            };
            ending(&start, tx, async |tx| holds::extend(tx, id, None, extension).await).await
        });
        expire.await.unwrap();
        tasks.push((id, extend.await.unwrap()));
    }
    let mut active = 0;
    for (id, is_extended) in tasks {
        let status = holds::get(&database.store, id).await.unwrap().status;
        let expected = if is_extended {
            HoldStatus::Active
        } else {
            HoldStatus::Expired
        };
        assert_eq!(status, expected, "what was extended is there, what was not is over");
        active += i64::from(is_extended);
    }
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (20, active));
}
