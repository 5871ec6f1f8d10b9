use super::{Database, caller, message, order, parked};
use inventory_domain::{
    Conflict, Refusal,
    event::EventType,
    order::OnShortage,
    product::{NewProduct, ProductChanges},
    purchase::{NewPurchaseLine, NewPurchaseOrder},
    returns::{Disposition, NewReturn, NewReturnLine, ReturnReason},
    shipment::NewShipment,
    stock::AddStock,
};
use inventory_store::{
    StoreError, TraceParent,
    events::{self, EventFilter},
    fulfilment, idempotency,
    idempotency::KeyState,
    orders,
    outbox::{self, Destination, Sent},
    parked as parked_messages, processing, products, purchases, returns, stock,
};
use uuid::Uuid;

pub async fn idempotency_keys(database: &Database) {
    let mut tx = database.begin();
    assert_eq!(idempotency::claim(&mut tx, "s", "k").await.unwrap(), KeyState::New);
    idempotency::keep(&mut tx, "s", "k", "f", "reply").unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.begin();
    let done = KeyState::Done {
        fingerprint: "f".into(),
        reply: "reply".into(),
    };
    assert_eq!(idempotency::claim(&mut tx, "s", "k").await.unwrap(), done);
    assert_eq!(
        idempotency::claim(&mut tx, "other scope", "k").await.unwrap(),
        KeyState::New
    );
    drop(tx);
    assert_eq!(
        idempotency::prune(&database.store, inventory_store::clock())
            .await
            .unwrap(),
        1
    );
    if database.store.engine() == inventory_store::Engine::Postgres {
        let mut first = database.begin();
        assert_eq!(idempotency::claim(&mut first, "s", "k").await.unwrap(), KeyState::New);
        let mut second = database.begin();
        assert_eq!(
            idempotency::claim(&mut second, "s", "k").await.unwrap(),
            KeyState::InUse
        );
    }
}

pub async fn orders_with_idempotency_keys(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let mut tx = database.begin();
    assert_eq!(idempotency::claim(&mut tx, "s", "k").await.unwrap(), KeyState::New);
    let placed = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    idempotency::keep(&mut tx, "s", "k", "f", "reply").unwrap();
    tx.commit().await.unwrap();
    assert_eq!(orders::get(&database.store, placed.id).await.unwrap(), placed);
    assert_eq!(database.number("SELECT COUNT(*) FROM idempotency_keys").await, 1);
}

pub async fn outbox_keeps_the_order_of_a_subject(database: &Database) {
    let product = database.product("A-1", 0).await;
    for name in ["two", "three"] {
        let mut tx = database.begin();
        let changes = ProductChanges {
            name: Some(name.into()),
            ..ProductChanges::default()
        };
        products::update(&mut tx, product.id, None, &changes).await.unwrap();
        tx.commit().await.unwrap();
    }
    database.product("A-2", 0).await;
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let now = inventory_store::clock();
    let claim = |owner, at: inventory_domain::Timestamp| {
        outbox::claim(
            &database.store,
            Destination::EventsTopic,
            owner,
            at,
            at.plus_seconds(30),
            100,
        )
    };
    let events = claim(one, now).await.unwrap();
    let subjects: Vec<_> = events
        .iter()
        .map(|e| (e.subject.as_str(), e.event_type.rsplit('.').next().unwrap()))
        .collect();
    assert_eq!(
        subjects,
        [
            ("products/1", "created"),
            ("products/1", "updated"),
            ("products/1", "updated"),
            ("products/2", "created")
        ]
    );
    assert!(claim(two, now).await.unwrap().is_empty(), "leased");
    // A new event of a leased subject waits for the lease to end.
    let mut tx = database.begin();
    let changes = ProductChanges {
        name: Some("four".into()),
        ..ProductChanges::default()
    };
    products::update(&mut tx, product.id, None, &changes).await.unwrap();
    tx.commit().await.unwrap();
    assert!(claim(two, now).await.unwrap().is_empty());
    let later = now.plus_seconds(60);
    let results = [
        (events[0].seq, Sent::Yes),
        (events[1].seq, Sent::Later(later)),
        (events[3].seq, Sent::Refused("too large".into())),
    ];
    outbox::settle(&database.store, Destination::EventsTopic, one, &results)
        .await
        .unwrap();
    assert!(
        claim(two, now).await.unwrap().is_empty(),
        "the first waiting event keeps the later ones back"
    );
    let rest = claim(two, later).await.unwrap();
    assert_eq!(
        rest.iter().map(|e| e.seq).collect::<Vec<_>>(),
        [events[1].seq, events[2].seq, events[3].seq + 1]
    );
    assert_eq!(
        (rest[0].event_id, &rest[0].body),
        (events[1].event_id, &events[1].body),
        "I7: the same bytes"
    );
    let all: Vec<_> = rest.iter().map(|e| (e.seq, Sent::Yes)).collect();
    outbox::settle(&database.store, Destination::EventsTopic, two, &all)
        .await
        .unwrap();
    assert_eq!(outbox::pending(&database.store).await.unwrap(), 0);
    assert_eq!(
        outbox::prune(&database.store, later, 100).await.unwrap(),
        4,
        "a refused event stays to be seen"
    );
    assert_eq!(
        database.number("SELECT COUNT(*) FROM deliveries").await,
        1,
        "deliveries go with their events"
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM relay_leases").await, 0);
}

pub async fn parked_messages_are_replayed_once(database: &Database) {
    let bad = [parked("m-1", r#"{"customer": "C-1"}"#), parked("m-2", "a \0 b")];
    processing::process(&database.store, &caller(), &[], &bad)
        .await
        .unwrap();
    let mut tx = database.begin();
    let replayed = parked_messages::replay(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert!(replayed.replayed_at.is_some());
    let now = inventory_store::clock();
    let sent = outbox::claim(
        &database.store,
        Destination::OrdersQueue,
        Uuid::now_v7(),
        now,
        now.plus_seconds(9),
        10,
    )
    .await
    .unwrap();
    assert_eq!(
        sent.iter().map(|e| e.body.as_str()).collect::<Vec<_>>(),
        [r#"{"customer": "C-1"}"#],
        "as it came"
    );
    let mut tx = database.begin();
    let twice = parked_messages::replay(&mut tx, 1).await.unwrap_err();
    assert!(matches!(
        twice,
        StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::AlreadyReplayed,
            ..
        })
    ));
    let cut = parked_messages::replay(&mut tx, 2).await.unwrap_err();
    assert!(matches!(
        cut,
        StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::NotReplayable,
            ..
        })
    ));
}

pub async fn every_write_leaves_its_records(database: &Database) {
    let records = || async {
        (
            database.number("SELECT COUNT(*) FROM movements").await,
            database.number("SELECT COUNT(*) FROM audit").await,
            database.number("SELECT COUNT(*) FROM outbox").await,
        )
    };
    let product = database.product("A-1", 0).await;
    assert_eq!(records().await, (0, 1, 1));
    database.add(product.id, 10, None).await;
    assert_eq!(records().await, (1, 3, 3), "the location is created too");
    let mut tx = database.begin();
    let placed = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(records().await, (1, 4, 4));
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM deliveries WHERE destination = 'queue:orders'")
            .await,
        1
    );
    let batch = [message(placed.id, order(&[("A-1", 1)], OnShortage::Reject))];
    processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap();
    assert_eq!(records().await, (2, 5, 5));
    let mut tx = database.begin();
    let new = NewProduct {
        sku: "B".into(),
        name: "B".into(),
        category: None,
        barcode: None,
        unit_price_minor: 0,
        currency: "USD".into(),
        reorder_point: 0,
        reorder_quantity: 0,
    };
    products::create(&mut tx, &new).await.unwrap();
    drop(tx);
    assert_eq!(
        records().await,
        (2, 5, 5),
        "a transaction that is dropped leaves nothing"
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE actor = 'tester' AND request_id = 'request-1'")
            .await,
        5
    );
}

pub async fn migrations_run_at_once(database: &Database) {
    assert!(database.store.is_migrated().await.unwrap());
    let (one, two) = tokio::join!(database.store.migrate(), database.store.migrate());
    one.unwrap();
    two.unwrap();
}

pub async fn orders_taken_at_once_share_their_commits(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let mut tasks = Vec::new();
    for n in 0..200 {
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut tx = store.begin(caller());
            let new = inventory_domain::order::NewOrder {
                customer: format!("C-{}", n % 7),
                ..order(&[("A-1", 1)], OnShortage::Reject)
            };
            let placed = orders::create(&mut tx, &new).await.unwrap();
            tx.commit().await.unwrap();
            placed
        }));
    }
    for task in tasks {
        let placed = task.await.unwrap();
        assert_eq!(orders::get(&database.store, placed.id).await.unwrap(), placed);
    }
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.placed'")
            .await,
        200
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM deliveries WHERE destination = 'queue:orders'")
            .await,
        200
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE action = 'orders_create'")
            .await,
        200
    );
}

pub async fn events_are_read_by_what_they_happened_to(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.product("A-2", 0).await;
    let mut tx = database.begin();
    let changes = ProductChanges {
        name: Some("two".into()),
        ..ProductChanges::default()
    };
    products::update(&mut tx, product.id, None, &changes).await.unwrap();
    tx.commit().await.unwrap();
    let filter = |event_type| EventFilter {
        subject: format!("products/{}", product.id),
        event_type,
    };
    let page = inventory_store::Page::new;
    let types = |texts: Vec<String>| -> Vec<String> {
        let event = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap();
        texts
            .iter()
            .map(|text| event(text)["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = events::list(&database.store, &filter(None), page(0, 9)).await.unwrap();
    assert_eq!(types(all), ["inventory.product.created", "inventory.product.updated"]);
    let second = events::list(&database.store, &filter(None), page(1, 1)).await.unwrap();
    assert_eq!(types(second), ["inventory.product.updated"]);
    let created = events::list(&database.store, &filter(Some(EventType::ProductCreated)), page(0, 9))
        .await
        .unwrap();
    assert_eq!(types(created), ["inventory.product.created"]);
    let hot = "SELECT body FROM outbox WHERE subject = 'products/1' ORDER BY seq LIMIT 10";
    if let Some(plan) = database.store.explain(hot).await.unwrap() {
        assert!(plan.contains("outbox_subject"), "{plan}");
    }
}

pub async fn the_event_history_is_told_what_it_lacks(database: &Database) {
    let deliveries = || database.number("SELECT COUNT(*) FROM deliveries WHERE destination = 'history:events'");
    for sku in ["A-1", "A-2", "A-3", "A-4", "A-5"] {
        database.product(sku, 0).await;
    }
    // A message that is sent again is no event.
    processing::process(&database.store, &caller(), &[], &[parked("m-1", "{}")])
        .await
        .unwrap();
    let mut tx = database.begin();
    parked_messages::replay(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(deliveries().await, 0, "nothing is written where there is none");

    let store = database.store.clone().with_event_history(true);
    assert!(events::history_lacks_the_oldest(&store).await.unwrap());
    let new = NewProduct {
        sku: "B-1".into(),
        name: "B-1".into(),
        category: None,
        barcode: None,
        unit_price_minor: 0,
        currency: "USD".into(),
        reorder_point: 0,
        reorder_quantity: 0,
    };
    let mut tx = store.begin(caller());
    products::create(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(deliveries().await, 1, "new events are delivered");

    let total = database
        .number("SELECT COUNT(*) FROM outbox WHERE type <> 'inventory.message.replayed'")
        .await;
    let mut before = i64::MAX;
    let mut added = 0;
    loop {
        let step = events::adopt(&store, before, 3).await.unwrap();
        added += step.added as i64;
        match step.before {
            Some(oldest) => before = oldest,
            None => break,
        }
    }
    assert_eq!((added, deliveries().await), (total - 1, total));
    assert!(!events::history_lacks_the_oldest(&store).await.unwrap());
    let again = events::adopt(&store, i64::MAX, 100).await.unwrap();
    assert_eq!((again.added, again.before), (0, None));
    let now = inventory_store::clock();
    let due = outbox::claim(
        &store,
        Destination::EventHistory,
        Uuid::now_v7(),
        now,
        now.plus_seconds(9),
        100,
    )
    .await
    .unwrap();
    assert_eq!(due.len() as i64, total);
}

pub async fn events_keep_their_place_in_a_trace(database: &Database) {
    let trace = |span| TraceParent::new(7, span, true);
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let mut tx = database.store.begin(caller().within(trace(1)));
    let placed = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // Decided in a batch, each in its own trace; one without is decided in the batch's.
    let own = processing::OrderMessage {
        trace: trace(2),
        ..message(placed.id, order(&[("A-1", 1)], OnShortage::Reject))
    };
    let none = message(Uuid::now_v7(), order(&[("A-1", 1)], OnShortage::Reject));
    let ids = [own.order_id, none.order_id];
    processing::process(&database.store, &caller().within(trace(3)), &[own, none], &[])
        .await
        .unwrap();
    let (owner, now) = (Uuid::now_v7(), inventory_store::clock());
    let later = now.plus_seconds(30);
    let events = outbox::claim(&database.store, Destination::EventsTopic, owner, now, later, 100)
        .await
        .unwrap();
    let traces = |subject: String| -> Vec<_> {
        let of_subject = events.iter().filter(|event| event.subject == subject);
        of_subject.map(|event| event.trace).collect()
    };
    assert_eq!(traces(format!("products/{}", product.id)), [None]);
    assert_eq!(traces(format!("orders/{}", ids[0])), [trace(1), trace(2)]);
    assert_eq!(traces(format!("orders/{}", ids[1])), [trace(3)]);
}

/// Migrations are made side by side: one may come to a database that has a later one already.
pub async fn a_migration_that_comes_after_a_later_one_is_applied(database: &Database) {
    let undo = "DELETE FROM _sqlx_migrations WHERE version = 5 RETURNING version";
    assert_eq!(database.number(undo).await, 5);
    // It gives no row.
    let dropped = database
        .store
        .number_raw("ALTER TABLE outbox DROP COLUMN traceparent")
        .await;
    assert!(matches!(dropped, Err(StoreError::Internal(_))), "{dropped:?}");
    assert!(!database.store.is_migrated().await.unwrap());
    database.store.migrate().await.unwrap();
    assert!(database.store.is_migrated().await.unwrap());
    assert_eq!(database.number("SELECT COUNT(traceparent) FROM outbox").await, 0);
}

/// As many writers as connections, each of which would wait for one more: nobody would come to an end.
pub async fn whoever_has_a_connection_waits_for_no_other(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let partner = super::purchases::supplier(database, "NORTH", vec![super::purchases::supplied(product.id)]).await;
    let id = Uuid::now_v7();
    let batch = [message(id, order(&[("A-1", 4)], OnShortage::Reject))];
    processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap();
    let one = database.with_one_connection();

    let mut tx = one.begin(caller());
    let add = AddStock {
        product_id: product.id,
        quantity: 5,
        location: None,
        location_id: Some(item.location_id),
        reason: None,
        reorder_point: None,
    };
    stock::add(&mut tx, &add).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = one.begin(caller());
    let new = NewPurchaseOrder {
        supplier_id: partner.id,
        location_id: Some(item.location_id),
        reference: None,
        note: None,
        expected_at: None,
        lines: vec![NewPurchaseLine {
            product_id: product.id,
            quantity: 1,
            unit_cost_minor: None,
        }],
    };
    purchases::create(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = one.begin(caller());
    fulfilment::ship(&mut tx, id, None, &NewShipment::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = one.begin(caller());
    let back = NewReturn {
        location_id: Some(item.location_id),
        lines: vec![NewReturnLine {
            line: 1,
            quantity: 4,
            disposition: Disposition::Restock,
            reason: ReturnReason::Unwanted,
        }],
    };
    returns::create(&mut tx, id, None, &back).await.unwrap();
    tx.commit().await.unwrap();
    one.close().await;
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().quantity, 15);
}
