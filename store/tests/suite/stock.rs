use super::Database;
use inventory_domain::{
    Refusal,
    alert::AlertStatus,
    low_stock::Severity,
    movement::Reason,
    stock::{AddStock, AdjustStock, StockChanges, ValueBy},
};
use inventory_store::{
    Page, StoreError,
    alerts::{self, AlertFilter},
    movements, reconcile, stock, sweep,
};

pub async fn seed_requests(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 100, None).await;
    assert_eq!(
        (item.quantity, item.available, item.location.as_str()),
        (100, 100, "MAIN")
    );
    let again = database.add(product.id, 100, None).await;
    assert_eq!(
        (again.id, again.quantity, again.version),
        (item.id, 200, item.version + 1)
    );
    let elsewhere = database.add(product.id, 7, Some("Warehouse A")).await;
    assert_ne!(elsewhere.id, item.id);
    assert_eq!(elsewhere.location, "Warehouse A");
    let by_code = database.add(product.id, 1, Some("WAREHOUSE-A")).await;
    assert_eq!((by_code.id, by_code.quantity), (elsewhere.id, 8));
    assert_eq!(stock::get(&database.store, item.id).await.unwrap(), again);
    let ledger = movements::list(&database.store, item.id, Page::default())
        .await
        .unwrap();
    assert_eq!(
        ledger
            .iter()
            .map(|m| (m.on_hand_delta, m.on_hand_after))
            .collect::<Vec<_>>(),
        [(100, 100), (100, 200)]
    );
    let value = stock::value(&database.store).await.unwrap();
    assert_eq!((value[0].value_minor, value[0].quantity), (208 * 250, 208));
}

fn refused<T>(tx: inventory_store::Tx, result: Result<T, StoreError>) -> Refusal {
    drop(tx);
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        Err(error) => panic!("must be refused, was {error:?}"),
        Ok(_) => panic!("must be refused"),
    }
}

pub async fn refusals_change_nothing(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let records = "SELECT (SELECT COUNT(*) FROM movements) + (SELECT COUNT(*) FROM audit) + (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM locations)";
    let before = database.number(records).await;
    for (product_id, quantity, location, location_id) in [
        (product.id, -1, None, None),
        (product.id, 10_001, None, None),
        (999, 1, None, None),
        (product.id, 1, Some("***"), None),
        (product.id, 1, None, Some(99)),
        (product.id, 1, Some("MAIN"), Some(1)),
    ] {
        let mut tx = database.begin();
        let location = location.map(str::to_owned);
        let add = AddStock {
            product_id,
            quantity,
            location,
            location_id,
            reason: None,
            reorder_point: None,
        };
        let result = stock::add(&mut tx, &add).await;
        assert!(matches!(refused(tx, result), Refusal::Invalid(_)));
    }
    let mut tx = database.begin();
    let adjust = AdjustStock {
        delta: -11,
        reason: Reason::Damage,
        note: None,
    };
    let result = stock::adjust(&mut tx, item.id, None, &adjust).await;
    assert!(matches!(refused(tx, result), Refusal::Conflict { .. }));
    let mut tx = database.begin();
    let overwrite = StockChanges {
        quantity: Some(5),
        reason: None,
        reorder_point: None,
    };
    let result = stock::update(&mut tx, item.id, None, &overwrite).await;
    assert_eq!(refused(tx, result), Refusal::VersionRequired);
    let mut tx = database.begin();
    let result = stock::update(&mut tx, item.id, Some(99), &overwrite).await;
    assert!(matches!(refused(tx, result), Refusal::VersionMismatch { .. }));
    assert_eq!(database.number(records).await, before);
    assert_eq!(stock::get(&database.store, item.id).await.unwrap(), item);
}

async fn adjust(database: &Database, id: i64, delta: i64) {
    let mut tx = database.begin();
    let adjust = AdjustStock {
        delta,
        reason: Reason::Correction,
        note: None,
    };
    stock::adjust(&mut tx, id, None, &adjust).await.unwrap();
    tx.commit().await.unwrap();
}

pub async fn alerts_have_hysteresis(database: &Database) {
    let product = database.product("A-1", 10).await;
    let item = database.add(product.id, 20, None).await;
    let open = || async {
        let alerts = alerts::list(&database.store, &AlertFilter::default(), Page::default())
            .await
            .unwrap();
        alerts
            .iter()
            .map(|alert| (alert.status, alert.severity, alert.available))
            .collect::<Vec<_>>()
    };
    assert_eq!(open().await, []);
    adjust(database, item.id, -10).await;
    assert_eq!(open().await, [(AlertStatus::Open, Severity::Low, 10)]);
    adjust(database, item.id, -10).await;
    assert_eq!(open().await, [(AlertStatus::Open, Severity::Out, 0)]);
    adjust(database, item.id, 11).await;
    assert_eq!(
        open().await,
        [(AlertStatus::Open, Severity::Low, 11)],
        "above the point, not above the mark"
    );
    let mut tx = database.begin();
    let alert = alerts::acknowledge(&mut tx, 1, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(alert.acknowledged_by.as_deref(), Some("tester"));
    adjust(database, item.id, 1).await;
    assert_eq!(open().await, [(AlertStatus::Cleared, Severity::Low, 11)]);
    adjust(database, item.id, -2).await;
    assert_eq!(open().await.len(), 2, "a new dip is a new alert");
    let events = "SELECT COUNT(*) FROM outbox WHERE type LIKE 'inventory.stock.%' AND type NOT LIKE '%ed'";
    assert_eq!(database.number(events).await, 4);
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.stock.recovered'")
            .await,
        1
    );
}

pub async fn sweep_settles_what_was_missed(database: &Database) {
    let product = database.product("A-1", 10).await;
    // 100,000 items that are fine and 50 that are not, put there behind the policy's back.
    database
        .store
        .execute_raw(
            "INSERT INTO locations (id, code, name, priority, created_at, updated_at)
             WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 101049)
             SELECT i, 'L' || i, 'L' || i, 1, 0, 0 FROM n",
        )
        .await
        .unwrap();
    let items = format!(
        "INSERT INTO stock_items (product_id, location_id, on_hand, reserved, reorder_point, created_at, updated_at)
         SELECT {}, id, CASE WHEN id < 1050 THEN 3 ELSE 50 END, 0, 10, 0, 0 FROM locations WHERE id >= 1000",
        product.id
    );
    database.store.execute_raw(&items).await.unwrap();
    database
        .store
        .execute_raw("INSERT INTO movements (stock_item_id, kind, on_hand_delta, reserved_delta, on_hand_after, reserved_after, actor, created_at) SELECT id, 'receipt', on_hand, 0, on_hand, 0, 'test', 0 FROM stock_items")
        .await
        .unwrap();
    let statements = database.store.statements();
    assert_eq!(sweep::sweep(database.begin(), 500).await.unwrap(), 50);
    assert!(database.store.statements() - statements < 16);
    assert_eq!(sweep::sweep(database.begin(), 500).await.unwrap(), 0, "each alert once");
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM alerts WHERE status = 'open'")
            .await,
        50
    );
    database
        .store
        .execute_raw(
            "UPDATE stock_items SET alert_severity = 'out' WHERE alert_severity = 'low' AND location_id < 1010",
        )
        .await
        .unwrap();
    assert_eq!(
        sweep::sweep(database.begin(), 500).await.unwrap(),
        10,
        "a severity that is not the level's"
    );
    database
        .store
        .execute_raw("UPDATE stock_items SET reorder_point = 2 WHERE location_id < 1020")
        .await
        .unwrap();
    assert_eq!(
        sweep::sweep(database.begin(), 500).await.unwrap(),
        0,
        "3 available are not above the mark of 3"
    );
    database
        .store
        .execute_raw("UPDATE stock_items SET reorder_point = 1 WHERE location_id < 1020")
        .await
        .unwrap();
    assert_eq!(sweep::sweep(database.begin(), 500).await.unwrap(), 20);
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM alerts WHERE status = 'open'")
            .await,
        30
    );
    for (hot, index) in [
        (
            "SELECT id FROM stock_items s WHERE s.on_hand - s.reserved <= s.reorder_point AND s.alert_severity IS NULL",
            "stock_items_low",
        ),
        (
            "SELECT id FROM stock_items s WHERE s.alert_severity IS NOT NULL AND s.reorder_point IS NULL",
            "stock_items_alerted",
        ),
        (
            "SELECT id FROM stock_items WHERE (on_hand - reserved) <= 3 ORDER BY (on_hand - reserved), id LIMIT 10",
            "stock_items_available",
        ),
        (
            "SELECT * FROM movements WHERE stock_item_id = 5 ORDER BY id LIMIT 10",
            "movements_stock_item",
        ),
        (
            "SELECT * FROM deliveries WHERE destination = 'queue:orders' AND state = 'pending' ORDER BY seq LIMIT 10",
            "deliveries_pending",
        ),
        (
            "SELECT * FROM deliveries WHERE destination = 'queue:orders' AND subject = 'x' AND state = 'pending' AND next_at > 0 AND next_at > 5",
            "deliveries_delayed",
        ),
        (
            "SELECT * FROM orders ORDER BY created_at DESC, id DESC LIMIT 10",
            "orders_created",
        ),
    ] {
        if let Some(plan) = database.store.explain(hot).await.unwrap() {
            assert!(plan.contains(index), "{hot}\n{plan}");
        }
    }
}

pub async fn items_asked_for_together_are_read_together(database: &Database) {
    let mut items = Vec::new();
    for number in 0..20 {
        let product = database.product(&format!("A-{number}"), 0).await;
        items.push(database.add(product.id, number, None).await);
    }
    let before = database.store.statements();
    // Each item ten times, in between what does not exist.
    let asked: Vec<_> = (0..210_usize)
        .map(|at| {
            let (store, wanted) = (database.store.clone(), items.get(at % 21).cloned());
            tokio::spawn(async move {
                let found = stock::get(&store, wanted.as_ref().map_or(4711, |item| item.id)).await;
                match (found, wanted) {
                    (Ok(found), Some(wanted)) => assert_eq!(found, wanted),
                    (Err(StoreError::Refused(Refusal::NotFound { .. })), None) => {}
                    (found, wanted) => panic!("{wanted:?} is answered by {found:?}"),
                }
            })
        })
        .collect();
    for one in asked {
        one.await.unwrap();
    }
    let statements = database.store.statements() - before;
    assert!(statements < 105, "{statements} statements for 210 look-ups");
}

pub async fn reconcile_finds_and_repairs(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    assert_eq!(reconcile::drift(&database.store, 10).await.unwrap(), []);
    database
        .store
        .execute_raw("UPDATE stock_items SET on_hand = 12, reserved = 3")
        .await
        .unwrap();
    let drift = reconcile::drift(&database.store, 10).await.unwrap();
    assert_eq!(
        (
            drift[0].on_hand,
            drift[0].ledger_on_hand,
            drift[0].reserved,
            drift[0].reservations
        ),
        (12, 10, 3, 0)
    );
    assert!(reconcile::repair(database.begin(), item.id).await.unwrap());
    assert!(!reconcile::repair(database.begin(), item.id).await.unwrap());
    let repaired = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((repaired.quantity, repaired.reserved), (10, 0));
}

pub async fn the_ledger_is_append_only(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    assert!(
        database
            .store
            .execute_raw("UPDATE movements SET on_hand_delta = 5")
            .await
            .is_err()
    );
    assert!(database.store.execute_raw("DELETE FROM movements").await.is_err());
    assert!(database.store.execute_raw("DELETE FROM stock_items").await.is_err());
    assert!(
        database
            .store
            .execute_raw("UPDATE stock_items SET reserved = 11")
            .await
            .is_err(),
        "I1 is a CHECK"
    );
    assert!(
        database
            .store
            .execute_raw("UPDATE stock_items SET reserved = -1")
            .await
            .is_err()
    );
}

pub async fn a_stale_absolute_write_undoes_nothing(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 100, None).await;
    // A form was opened at 100; sales happen; the form is sent, by ten people at once.
    adjust(database, item.id, -40).await;
    let mut tasks = Vec::new();
    let seen = [
        item.version,
        stock::get(&database.store, item.id).await.unwrap().version,
    ];
    for number in 0..20_usize {
        let (store, version) = (database.store.clone(), seen[number % 2]);
        tasks.push(tokio::spawn(async move {
            let mut tx = store.begin(super::caller());
            let overwrite = StockChanges {
                quantity: Some(70),
                reason: Some(Reason::Count),
                reorder_point: None,
            };
            match stock::update(&mut tx, item.id, Some(version), &overwrite).await {
                Ok(_) => {
                    tx.commit().await.unwrap();
                    Some(version)
                }
                Err(StoreError::Refused(Refusal::VersionMismatch { .. })) => None,
                Err(error) => panic!("{error:?}"),
            }
        }));
    }
    let mut written = Vec::new();
    for task in tasks {
        written.extend(task.await.unwrap());
    }
    assert_eq!(
        written,
        [seen[1]],
        "one of those who saw the sales, none of those who did not"
    );
    let ledger = movements::list(&database.store, item.id, Page::default())
        .await
        .unwrap();
    let told: Vec<_> = ledger.iter().map(|m| (m.on_hand_delta, m.on_hand_after)).collect();
    assert_eq!(told, [(100, 100), (-40, 60), (10, 70)]);
    assert_eq!(ledger[2].reason, Some(Reason::Count));
}

pub async fn deltas_at_once_are_all_counted(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 100, None).await;
    let mut tasks = Vec::new();
    for number in 0..60_i64 {
        let (store, product_id) = (database.store.clone(), product.id);
        tasks.push(tokio::spawn(async move {
            let mut tx = store.begin(super::caller());
            if number % 3 == 0 {
                let add = AddStock {
                    product_id,
                    quantity: 5,
                    location: None,
                    location_id: None,
                    reason: Some(Reason::Found),
                    reorder_point: None,
                };
                stock::add(&mut tx, &add).await.unwrap();
            } else {
                let adjust = AdjustStock {
                    delta: -1,
                    reason: Reason::Sample,
                    note: None,
                };
                stock::adjust(&mut tx, item.id, None, &adjust).await.unwrap();
            }
            tx.commit().await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.version), (100 + 20 * 5 - 40, item.version + 60));
    let found = "SELECT COUNT(*) FROM movements WHERE kind = 'receipt' AND reason = 'found'";
    assert_eq!(database.number(found).await, 20);
}

pub async fn reasons_go_one_way(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    for (delta, reason) in [
        (1, Reason::Damage),
        (1, Reason::Theft),
        (-1, Reason::Receipt),
        (-1, Reason::Found),
    ] {
        let mut tx = database.begin();
        let wrong = AdjustStock {
            delta,
            reason,
            note: None,
        };
        let result = stock::adjust(&mut tx, item.id, None, &wrong).await;
        let Refusal::Invalid(found) = refused(tx, result) else {
            panic!("must be invalid")
        };
        assert_eq!(found[0].pointer, "/reason");
    }
    let mut tx = database.begin();
    let wrong = StockChanges {
        quantity: Some(12),
        reason: Some(Reason::Expiry),
        reorder_point: None,
    };
    let result = stock::update(&mut tx, item.id, Some(item.version), &wrong).await;
    assert!(matches!(refused(tx, result), Refusal::Invalid(found) if found[0].code == "wrong_direction"));
    assert_eq!(stock::get(&database.store, item.id).await.unwrap(), item);
}

pub async fn stock_as_it_was_and_what_it_is_worth_where(database: &Database) {
    let product = database.product("A-1", 0).await;
    let before = inventory_store::clock();
    let item = database.add(product.id, 10, None).await;
    let first = movements::list(&database.store, item.id, Page::default())
        .await
        .unwrap();
    adjust(database, item.id, -3).await;
    let elsewhere = database.add(product.id, 5, Some("Warehouse A")).await;
    let at = async |time| {
        let found = stock::at(&database.store, time, &stock::StockFilter::default(), Page::default()).await;
        let rows = found.unwrap().into_iter();
        rows.map(|row| (row.stock_item_id, row.quantity)).collect::<Vec<_>>()
    };
    assert_eq!(at(before).await, [], "nothing was there");
    assert_eq!(at(first[0].created_at).await, [(item.id, 10)]);
    assert_eq!(at(inventory_store::clock()).await, [(item.id, 7), (elsewhere.id, 5)]);
    let there = stock::StockFilter {
        location_id: Some(elsewhere.location_id),
        ..stock::StockFilter::default()
    };
    let found = stock::at(&database.store, inventory_store::clock(), &there, Page::default()).await;
    assert_eq!(found.unwrap().len(), 1);

    let by_location = stock::value_by(&database.store, ValueBy::Location).await.unwrap();
    let told: Vec<_> = by_location
        .iter()
        .map(|row| (row.location.as_deref(), row.value_minor, row.quantity, row.items))
        .collect();
    assert_eq!(
        told,
        [(Some("MAIN"), 7 * 250, 7, 1), (Some("Warehouse A"), 5 * 250, 5, 1)]
    );
    database
        .store
        .execute_raw("UPDATE products SET category = 'Tea' WHERE sku = 'A-1'")
        .await
        .unwrap();
    let bare = database.product("B-1", 0).await;
    database.add(bare.id, 2, None).await;
    let by_category = stock::value_by(&database.store, ValueBy::Category).await.unwrap();
    let told: Vec<_> = by_category
        .iter()
        .map(|row| (row.category.clone(), row.quantity))
        .collect();
    assert_eq!(told, [(Some(Some("Tea".to_owned())), 12), (Some(None), 2)]);
}
