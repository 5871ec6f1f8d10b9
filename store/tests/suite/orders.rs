use super::{Database, caller, message, order, parked};
use inventory_domain::{
    Refusal,
    order::{NewOrder, NewOrderLine, OnShortage, OrderReason, OrderStatus},
    parked::ParkReason,
    shipment::{NewCancellation, NewShipment},
};
use inventory_store::{
    Page, StoreError, fulfilment,
    orders::{self, OrderFilter},
    processing::{self, Outcome},
    stock,
};
use std::sync::Arc;
use uuid::Uuid;

pub async fn placed_decided_and_shipped(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let mut tx = database.begin();
    let placed = orders::create(&mut tx, &order(&[("A-1", 4), ("A-1", 2)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(placed.status, OrderStatus::Pending);
    assert_eq!(orders::get(&database.store, placed.id).await.unwrap(), placed);
    assert!(
        database.store.execute_raw("DELETE FROM orders").await.is_err(),
        "others lead to it"
    );

    let batch = [message(placed.id, order(&[("A-1", 4), ("A-1", 2)], OnShortage::Reject))];
    let outcomes = processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap()
        .outcomes;
    assert_eq!(outcomes, [Outcome::Decided(OrderStatus::Confirmed)]);
    let again = processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap()
        .outcomes;
    assert_eq!(again, [Outcome::Repeated(OrderStatus::Confirmed)], "I4: decided once");
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved, level.available), (10, 6, 4));

    let mut tx = database.begin();
    let shipped = fulfilment::ship(&mut tx, placed.id, Some(2), &NewShipment::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shipped.status, OrderStatus::Shipped);
    assert!(shipped.lines.iter().all(|line| line.shipped == line.quantity));
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (4, 0));
    let mut tx = database.begin();
    let error = fulfilment::cancel(&mut tx, placed.id, None, &NewCancellation::default())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Refused(Refusal::Conflict { .. })));
    drop(tx);

    let id = Uuid::now_v7();
    let batch = [message(id, order(&[("A-1", 3)], OnShortage::Reject))];
    processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap();
    for _ in 0..2 {
        let mut tx = database.begin();
        let cancelled = fulfilment::cancel(&mut tx, id, None, &NewCancellation::default())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            (cancelled.status, cancelled.reason),
            (OrderStatus::Cancelled, Some(OrderReason::CancelledByRequest))
        );
    }
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 4);
    let filter = OrderFilter {
        status: Some(OrderStatus::Shipped),
        customer: Some("C-1".into()),
        ..OrderFilter::default()
    };
    let listed = orders::list(&database.store, &filter, Page::default()).await.unwrap();
    assert_eq!(listed, [orders::get(&database.store, placed.id).await.unwrap()]);
    assert_eq!(orders::count(&database.store, &filter).await.unwrap(), 1);
}

fn held(lines: &[(&str, i64)]) -> NewOrder {
    NewOrder {
        hold_minutes: Some(30),
        ..order(lines, OnShortage::Reject)
    }
}

pub async fn holds_expire_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let id = Uuid::now_v7();
    processing::process(&database.store, &caller(), &[message(id, held(&[("A-1", 10)]))], &[])
        .await
        .unwrap();
    assert_eq!(orders::expire_due(database.begin(), 10).await.unwrap(), 0);
    let later = inventory_store::clock().plus_minutes(31);
    let mut tx = database.store.begin_at(caller(), later);
    let error = fulfilment::ship(&mut tx, id, None, &NewShipment::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Refused(Refusal::Conflict { .. })),
        "its time is up: {error:?}"
    );
    drop(tx);
    assert_eq!(
        orders::expire_due(database.store.begin_at(caller(), later), 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        orders::expire_due(database.store.begin_at(caller(), later), 10)
            .await
            .unwrap(),
        0
    );
    let expired = orders::get(&database.store, id).await.unwrap();
    assert_eq!(
        (expired.status, expired.reason),
        (OrderStatus::Expired, Some(OrderReason::HoldExpired))
    );
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 10);
}

pub async fn due_holds_are_released_for_who_comes_next(database: &Database) {
    let (a, b) = (database.product("A-1", 0).await, database.product("B-1", 0).await);
    database.add(a.id, 5, None).await;
    let other = database.add(b.id, 5, None).await;
    let first = Uuid::now_v7();
    processing::process(
        &database.store,
        &caller(),
        &[message(first, held(&[("A-1", 5), ("B-1", 5)]))],
        &[],
    )
    .await
    .unwrap();
    let past = inventory_store::clock().plus_minutes(-1).micros();
    for table in ["orders", "reservations"] {
        database
            .store
            .execute_raw(&format!("UPDATE {table} SET expires_at = {past}"))
            .await
            .unwrap();
    }
    let second = [message(Uuid::now_v7(), order(&[("A-1", 5)], OnShortage::Reject))];
    let outcomes = processing::process(&database.store, &caller(), &second, &[])
        .await
        .unwrap()
        .outcomes;
    assert_eq!(outcomes, [Outcome::Decided(OrderStatus::Confirmed)]);
    assert_eq!(
        orders::get(&database.store, first).await.unwrap().status,
        OrderStatus::Expired
    );
    assert_eq!(
        stock::get(&database.store, other.id).await.unwrap().available,
        5,
        "the whole order expires"
    );
}

pub async fn a_batch_with_everything_in_it(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let (good, twice, unknown, other) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let batch = [
        message(good, order(&[("A-1", 4)], OnShortage::Reject)),
        message(twice, order(&[("A-1", 1)], OnShortage::Reject)),
        message(twice, order(&[("A-1", 1)], OnShortage::Reject)),
        message(unknown, order(&[("A-1", 1), ("nope", 1)], OnShortage::Reject)),
        message(good, order(&[("A-1", 5)], OnShortage::Reject)),
        message(other, order(&[("A-1", 9)], OnShortage::Partial)),
        message(Uuid::now_v7(), order(&[("A-1", 1)], OnShortage::Backorder)),
    ];
    let bad = [parked("bad-1", "not json"), parked("bad-2", "with a \0 in it")];
    let outcomes = processing::process(&database.store, &caller(), &batch, &bad)
        .await
        .unwrap()
        .outcomes;
    assert_eq!(
        outcomes,
        [
            Outcome::Decided(OrderStatus::Confirmed),
            Outcome::Decided(OrderStatus::Confirmed),
            Outcome::Repeated(OrderStatus::Confirmed),
            Outcome::Parked(ParkReason::UnknownProduct),
            Outcome::Parked(ParkReason::OrderIdTaken),
            Outcome::Decided(OrderStatus::Confirmed),
            Outcome::Decided(OrderStatus::Backordered),
        ]
    );
    let partial = orders::get(&database.store, other).await.unwrap();
    assert_eq!(
        (partial.lines[0].reserved, partial.reason),
        (5, Some(OrderReason::PartlyReserved))
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM parked_messages").await, 4);
    processing::process(&database.store, &caller(), &batch, &bad)
        .await
        .unwrap();
    assert_eq!(
        database.number("SELECT COUNT(*) FROM parked_messages").await,
        4,
        "delivered again, parked once"
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 4);
}

pub async fn statements_do_not_grow_with_the_batch(database: &Database) {
    for n in 0..40 {
        let product = database.product(&format!("P-{n}"), 5).await;
        database.add(product.id, 100, None).await;
    }
    let mut used = Vec::new();
    for size in [1_usize, 32, 256] {
        let batch: Vec<_> = (0..size)
            .map(|n| {
                let sku = format!("P-{}", n % 40);
                message(Uuid::now_v7(), order(&[(sku.as_str(), 1)], OnShortage::Reject))
            })
            .collect();
        // A first batch of the size may have to add the customer.
        processing::process(&database.store, &caller(), &batch[..1], &[])
            .await
            .unwrap();
        let before = database.store.statements();
        let batch: Vec<_> = batch.into_iter().map(|m| message(Uuid::now_v7(), m.order)).collect();
        processing::process(&database.store, &caller(), &batch, &[])
            .await
            .unwrap();
        used.push(database.store.statements() - before);
    }
    assert!(used.iter().all(|n| *n == used[0]), "{used:?}");
    assert!(used[0] <= 25, "{used:?}");
}

pub async fn hot_product_is_never_oversold(database: &Database) {
    let product = database.product("HOT", 0).await;
    let item = database.add(product.id, 500, None).await;
    let line = NewOrderLine {
        product_id: Some(product.id),
        sku: None,
        quantity: 1,
    };
    let store = Arc::new(database.store.clone());
    let mut tasks = Vec::new();
    let ids: Vec<Uuid> = (0..1_000).map(|_| Uuid::now_v7()).collect();
    for chunk in 0..16_usize {
        let (store, line) = (store.clone(), line.clone());
        // Every tenth order is sent by two tasks.
        let ids: Vec<Uuid> = ids
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 16 == chunk || (n % 10 == 0 && n % 16 == (chunk + 1) % 16))
            .map(|(_, id)| *id)
            .collect();
        tasks.push(tokio::spawn(async move {
            for part in ids.chunks(9) {
                let batch: Vec<_> = part
                    .iter()
                    .map(|id| {
                        let order = NewOrder {
                            lines: vec![line.clone()],
                            ..order(&[], OnShortage::Reject)
                        };
                        message(*id, order)
                    })
                    .collect();
                processing::process(&store, &caller(), &batch, &[]).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (500, 500));
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'")
            .await,
        500
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM orders WHERE status = 'rejected'")
            .await,
        500
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.confirmed'")
            .await,
        500
    );
}

pub async fn two_lines_of_one_item_by_many_at_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 101, None).await;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            let batch: Vec<_> = (0..5)
                .map(|_| message(Uuid::now_v7(), order(&[("A-1", 1), ("A-1", 2)], OnShortage::Reject)))
                .collect();
            processing::process(&store, &caller(), &batch, &[]).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!(
        (level.quantity, level.reserved),
        (101, 99),
        "three each: the last two are not enough"
    );
    let confirmed = "SELECT COUNT(*) FROM orders WHERE status = 'confirmed'";
    assert_eq!(database.number(confirmed).await, 33);
}

pub async fn plans_do_not_read_whole_tables(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10_000, None).await;
    for _ in 0..8 {
        let batch: Vec<_> = (0..256)
            .map(|_| message(Uuid::now_v7(), order(&[("A-1", 1)], OnShortage::Reject)))
            .collect();
        processing::process(&database.store, &caller(), &batch, &[])
            .await
            .unwrap();
    }
    // What the planner knows now would let it read these tables whole.
    database.store.execute_raw("ANALYZE").await.unwrap();
    let statement = orders::lock_statement()
        .replace("$1", &format!("'[{{\"order_id\":\"{}\"}}]'", Uuid::now_v7()))
        .replace("$2", &format!("'[{{\"product_id\":{}}}]'", product.id))
        .replace("$3", "0");
    if let Some(plan) = database.store.plan(&statement).await.unwrap() {
        for table in ["orders", "order_lines", "reservations"] {
            assert!(!plan.contains(&format!("Seq Scan on {table} ")), "{plan}");
        }
    }
}
