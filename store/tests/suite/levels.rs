use super::{Database, caller, message, order, parked};
use inventory_domain::{
    hold::NewHold,
    low_stock::Severity,
    order::{NewOrderLine, OnShortage},
    transfer::NewTransfer,
};
use inventory_store::{
    Observer, holds,
    levels::{self, Backlog},
    orders,
    outbox::{self, Destination, Sent},
    processing, transfers,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

pub async fn what_waits_is_counted(database: &Database) {
    let nothing = levels::waiting(&database.store).await.unwrap();
    assert!(
        nothing
            .backlogs
            .iter()
            .all(|backlog| (backlog.pending, backlog.oldest) == (0, None)),
        "{nothing:?}"
    );
    assert_eq!(
        (nothing.parked, &nothing.alerts[..]),
        (0, &[(Severity::Low, 0), (Severity::Out, 0)][..])
    );
    assert_eq!(levels::stock_value(&database.store).await.unwrap(), []);

    let before = inventory_store::clock();
    let product = database.product("A-1", 5).await;
    database.add(product.id, 4, None).await;
    let other = database.product("A-2", 5).await;
    database.add(other.id, 9, Some("BACK")).await;
    let mut tx = database.begin();
    orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    processing::process(
        &database.store,
        &caller(),
        &[],
        &[parked("m-1", "x"), parked("m-2", "y")],
    )
    .await
    .unwrap();

    let waiting = levels::waiting(&database.store).await.unwrap();
    let of = |waiting: &levels::Waiting, destination| -> Backlog {
        *waiting
            .backlogs
            .iter()
            .find(|backlog| backlog.destination == destination)
            .unwrap()
    };
    let topic = of(&waiting, Destination::EventsTopic);
    assert_eq!(
        topic.pending,
        database
            .number("SELECT COUNT(*) FROM deliveries WHERE destination = 'topic:inventory-events'")
            .await
    );
    let oldest = topic.oldest.unwrap();
    assert!(oldest >= before && oldest <= inventory_store::clock());
    let queue = of(&waiting, Destination::OrdersQueue);
    assert_eq!(queue.pending, 1);
    assert!(queue.oldest.unwrap() > oldest);
    assert_eq!(of(&waiting, Destination::EventHistory).pending, 0, "there is none");
    assert_eq!(
        (waiting.parked, &waiting.alerts[..]),
        (2, &[(Severity::Low, 1), (Severity::Out, 0)][..])
    );
    let value = levels::stock_value(&database.store).await.unwrap();
    assert_eq!(
        (value.len(), value[0].value_minor, value[0].quantity),
        (1, 13 * 250, 13)
    );

    let (owner, now) = (Uuid::now_v7(), inventory_store::clock());
    let events = outbox::claim(
        &database.store,
        Destination::OrdersQueue,
        owner,
        now,
        now.plus_seconds(9),
        10,
    )
    .await
    .unwrap();
    outbox::settle(
        &database.store,
        Destination::OrdersQueue,
        owner,
        &[(events[0].seq, Sent::Yes)],
    )
    .await
    .unwrap();
    let queue = of(
        &levels::waiting(&database.store).await.unwrap(),
        Destination::OrdersQueue,
    );
    assert_eq!((queue.pending, queue.oldest), (0, None));

    assert_eq!(
        (waiting.waiting_lines, waiting.holds, waiting.transfers),
        (0, 0, 0),
        "{waiting:?}"
    );
    assert_eq!(
        waiting.deliveries,
        [("webhooks", 0, None), ("channels", 0, None), ("exports", 0, None)]
    );
    what_is_promised_is_counted(database).await;

    // Each part by its own index, whatever has piled up elsewhere.
    let statement = levels::waiting_statement()
        .replace("$1", "'[{\"name\": \"queue:orders\"}]'")
        .replace("$2", "100000");
    if let Some(plan) = database.store.explain(&statement).await.unwrap() {
        for index in [
            "deliveries_pending",
            "outbox_pkey",
            "parked_messages_once",
            "alerts_one_open",
            "order_lines_waiting",
            "holds_due",
            "transfers_status",
        ] {
            assert!(plan.contains(index), "{index}\n{plan}");
        }
    }
}

/// A line that waits, a hold, a transfer on its way, and deliveries to a webhook.
async fn what_is_promised_is_counted(database: &Database) {
    let batch = [message(
        Uuid::now_v7(),
        order(&[("A-1", 100), ("A-2", 1)], OnShortage::Backorder),
    )];
    processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap();
    let line = NewOrderLine {
        product_id: None,
        sku: Some("A-2".to_owned()),
        quantity: 1,
    };
    let mut tx = database.begin();
    let hold = NewHold {
        lines: vec![line.clone()],
        location: None,
        location_id: None,
        expires_in_seconds: None,
        reference: None,
    };
    holds::create(&mut tx, &hold).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.begin();
    let transfer = NewTransfer {
        from_location: Some("BACK".to_owned()),
        from_location_id: None,
        to_location: Some("MAIN".to_owned()),
        to_location_id: None,
        note: None,
        lines: vec![line],
    };
    let transfer = transfers::create(&mut tx, &transfer).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.begin();
    transfers::dispatch(&mut tx, transfer.id, None).await.unwrap();
    tx.commit().await.unwrap();
    let before = inventory_store::clock();
    let told = super::receivers::on_its_way(database).await;

    let waiting = levels::waiting(&database.store).await.unwrap();
    assert_eq!((waiting.waiting_lines, waiting.holds, waiting.transfers), (2, 1, 1));
    let (resource, count, oldest) = waiting.deliveries[0];
    assert_eq!((resource, count), ("webhooks", told));
    assert!(oldest.unwrap() >= before);
    assert_eq!(waiting.deliveries[1], ("channels", 0, None));
}

pub async fn measuring_ends_by_itself(database: &Database) {
    if database.store.engine() == inventory_store::Engine::Sqlite {
        return;
    }
    // Whoever changes a table's form keeps everybody away from it.
    let other = database.with_one_connection();
    other.execute_raw("BEGIN; LOCK TABLE stock_items").await.unwrap();
    let value = levels::stock_value(&database.store).await;
    assert!(value.is_err(), "{value:?}");
    other.execute_raw("COMMIT").await.unwrap();
    other.close().await;
    assert_eq!(levels::stock_value(&database.store).await.unwrap(), []);
}

#[derive(Default)]
struct Told {
    acquired: AtomicU64,
    executed: AtomicU64,
}

impl Observer for Told {
    fn acquired(&self, _waited: Duration) {
        self.acquired.fetch_add(1, Ordering::Relaxed);
    }

    fn executed(&self, _took: Duration) {
        self.executed.fetch_add(1, Ordering::Relaxed);
    }
}

pub async fn statements_and_waits_are_told(database: &Database) {
    let told = Arc::new(Told::default());
    let store = database.store.clone().with_observer(told.clone());
    let counts = || {
        (
            told.acquired.swap(0, Ordering::Relaxed),
            told.executed.swap(0, Ordering::Relaxed),
        )
    };
    let before = store.statements();
    store.ping().await.unwrap();
    assert_eq!(counts(), (1, 1));
    assert_eq!(store.statements() - before, 1);
    let batch = [message(Uuid::now_v7(), order(&[("A-1", 1)], OnShortage::Reject))];
    let before = store.statements();
    processing::process(&store, &caller(), &batch, &[]).await.unwrap();
    let (acquired, executed) = counts();
    assert_eq!(executed, store.statements() - before);
    assert!(acquired >= 1 && executed > acquired, "{acquired} {executed}");
    levels::waiting(&store).await.unwrap();
    let (acquired, executed) = counts();
    assert!(acquired == 1 && executed >= 1, "{acquired} {executed}");
}
