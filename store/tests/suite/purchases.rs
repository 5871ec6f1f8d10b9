use super::Database;
use inventory_domain::{
    Conflict, Refusal,
    product::ProductChanges,
    product::ProductStatus,
    purchase::{
        NewPurchaseLine, NewPurchaseOrder, PurchaseChanges, PurchaseOrder, PurchaseStatus, Receipt, ReceivedLine,
    },
    supplier::{NewSupplier, SuppliedProduct, Supplier, SupplierChanges},
};
use inventory_store::{
    Page, StoreError, Tx, movements, products,
    purchases::{self, PurchaseFilter},
    reconcile, stock, suppliers,
};

pub fn supplied(product_id: i64) -> SuppliedProduct {
    SuppliedProduct {
        product_id,
        lead_time_days: 7,
        minimum_quantity: 1,
        pack_size: 1,
        unit_cost_minor: 120,
        safety_stock: 0,
        priority: 100,
    }
}

pub async fn supplier(database: &Database, code: &str, products: Vec<SuppliedProduct>) -> Supplier {
    let mut tx = database.begin();
    let new = NewSupplier {
        code: Some(code.to_owned()),
        name: format!("Supplier {code}"),
        currency: "EUR".to_owned(),
        enabled: true,
        products,
    };
    let supplier = suppliers::create(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    supplier
}

fn new_order(supplier_id: i64, lines: &[(i64, i64)]) -> NewPurchaseOrder {
    NewPurchaseOrder {
        supplier_id,
        location_id: None,
        reference: None,
        note: None,
        expected_at: None,
        lines: new_lines(lines),
    }
}

fn new_lines(lines: &[(i64, i64)]) -> Vec<NewPurchaseLine> {
    let line = |&(product_id, quantity): &(i64, i64)| NewPurchaseLine {
        product_id,
        quantity,
        unit_cost_minor: None,
    };
    lines.iter().map(line).collect()
}

pub fn receipt(lines: &[(i64, i64)], allow_over_receipt: bool) -> Receipt {
    let line = |&(product_id, quantity): &(i64, i64)| ReceivedLine { product_id, quantity };
    Receipt {
        lines: lines.iter().map(line).collect(),
        allow_over_receipt,
        note: None,
    }
}

/// Does something in a transaction of its own, which is committed where it succeeds.
macro_rules! done {
    ($database:expr, $tx:ident => $work:expr) => {{
        let mut $tx = $database.begin();
        let result = $work.await;
        if result.is_ok() {
            $tx.commit().await.unwrap();
        }
        result
    }};
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    match result {
        Err(StoreError::Refused(Refusal::Conflict { conflict, .. })) => conflict,
        other => panic!("must be a conflict: {other:?}"),
    }
}

fn pointers<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Vec<String> {
    match result {
        Err(StoreError::Refused(Refusal::Invalid(wrong))) => wrong.into_iter().map(|v| v.pointer).collect(),
        other => panic!("must be invalid: {other:?}"),
    }
}

pub async fn suppliers_live(database: &Database) {
    let (tea, milk) = (database.product("TEA", 5).await, database.product("MILK", 5).await);
    let created = supplier(database, "NORTH", vec![supplied(milk.id), supplied(tea.id)]).await;
    assert_eq!(suppliers::get(&database.store, created.id).await.unwrap(), created);
    let listed = suppliers::list(&database.store, Page::default()).await.unwrap();
    assert_eq!(listed, [created.summary()]);
    assert_eq!(suppliers::count(&database.store).await.unwrap(), 1);
    let taken = NewSupplier {
        code: Some("NORTH".to_owned()),
        name: "Another".to_owned(),
        currency: "USD".to_owned(),
        enabled: true,
        products: Vec::new(),
    };
    assert_eq!(
        conflict(done!(database, tx => suppliers::create(&mut tx, &taken))),
        Conflict::SupplierCodeTaken
    );
    let changes = SupplierChanges {
        enabled: Some(false),
        products: Some(vec![supplied(tea.id), supplied(999)]),
        ..SupplierChanges::default()
    };
    let unknown = done!(database, tx => suppliers::update(&mut tx, created.id, None, &changes));
    assert_eq!(pointers(unknown), ["/products/1/product_id"]);
    let changes = SupplierChanges {
        products: Some(vec![supplied(tea.id)]),
        ..changes
    };
    let stale = done!(database, tx => suppliers::update(&mut tx, created.id, Some(9), &changes));
    assert!(matches!(
        stale,
        Err(StoreError::Refused(Refusal::VersionMismatch { current: 1 }))
    ));
    let changed = done!(database, tx => suppliers::update(&mut tx, created.id, Some(1), &changes)).unwrap();
    assert_eq!(
        (changed.version, changed.enabled, changed.products.as_deref()),
        (2, false, Some(&[supplied(tea.id)][..]))
    );
    assert_eq!(suppliers::get(&database.store, created.id).await.unwrap(), changed);
    let again = done!(database, tx => suppliers::update(&mut tx, created.id, None, &changes)).unwrap();
    assert_eq!(again, changed, "nothing changed");
    assert_eq!(
        conflict(done!(database, tx => purchases::create(&mut tx, &new_order(created.id, &[(tea.id, 1)])))),
        Conflict::SupplierDisabled
    );
}

async fn create(database: &Database, supplier_id: i64, lines: &[(i64, i64)]) -> PurchaseOrder {
    done!(database, tx => purchases::create(&mut tx, &new_order(supplier_id, lines))).unwrap()
}

async fn order(database: &Database, id: i64) -> PurchaseOrder {
    done!(database, tx => purchases::order(&mut tx, id, None)).unwrap()
}

async fn receive(database: &Database, id: i64, receipt: &Receipt) -> Result<PurchaseOrder, StoreError> {
    done!(database, tx => purchases::receive(&mut tx, id, None, receipt))
}

pub async fn a_purchase_order_lives(database: &Database) {
    let (tea, milk) = (database.product("TEA", 5).await, database.product("MILK", 5).await);
    let item = database.add(tea.id, 3, None).await;
    let partner = supplier(database, "NORTH", vec![supplied(tea.id), supplied(milk.id)]).await;
    let draft = create(database, partner.id, &[(tea.id, 20), (milk.id, 10)]).await;
    assert_eq!(
        (draft.status, draft.quantity, draft.cost_minor, draft.currency.as_str()),
        (PurchaseStatus::Draft, 30, 3_600, "EUR")
    );
    let incoming = async |id| {
        let item = stock::get(&database.store, id).await.unwrap();
        (item.quantity, item.incoming, item.version)
    };
    let version = item.version;
    assert_eq!(incoming(item.id).await, (3, 0, version), "a draft is not on its way");
    let changes = PurchaseChanges {
        reference: Some("PO-77".to_owned()),
        lines: Some(new_lines(&[(tea.id, 24), (milk.id, 10)])),
        ..PurchaseChanges::default()
    };
    let changed = done!(database, tx => purchases::update(&mut tx, draft.id, Some(1), &changes)).unwrap();
    assert_eq!((changed.version, changed.quantity), (2, 34));
    assert_eq!(purchases::get(&database.store, draft.id).await.unwrap(), changed);

    let ordered = order(database, draft.id).await;
    assert_eq!(ordered.status, PurchaseStatus::Ordered);
    assert_eq!(
        ordered.expected_at,
        ordered.ordered_at.map(|at| at.plus_minutes(7 * 24 * 60))
    );
    assert_eq!(incoming(item.id).await, (3, 24, version + 1));
    // The location has had no milk before.
    let filter = stock::StockFilter {
        product_id: Some(milk.id),
        ..stock::StockFilter::default()
    };
    let milk_item = stock::list(&database.store, &filter, Page::default())
        .await
        .unwrap()
        .remove(0);
    assert_eq!((milk_item.quantity, milk_item.incoming), (0, 10));
    assert_eq!(
        conflict(done!(database, tx => purchases::update(&mut tx, draft.id, None, &changes))),
        Conflict::PurchaseState
    );

    let part = receive(database, draft.id, &receipt(&[(tea.id, 20)], false))
        .await
        .unwrap();
    assert_eq!((part.status, part.received), (PurchaseStatus::PartlyReceived, 20));
    assert_eq!(incoming(item.id).await, (23, 4, version + 2));
    let ledger = movements::list(&database.store, item.id, Page::default())
        .await
        .unwrap();
    let last = ledger.last().unwrap();
    assert_eq!(
        (last.on_hand_delta, last.note.as_deref()),
        (20, Some(format!("purchase order {}", draft.id).as_str()))
    );
    assert_eq!(
        conflict(receive(database, draft.id, &receipt(&[(tea.id, 5), (milk.id, 1)], false)).await),
        Conflict::OverReceipt
    );
    assert_eq!(
        incoming(item.id).await,
        (23, 4, version + 2),
        "nothing of it was received"
    );
    receive(database, draft.id, &receipt(&[(tea.id, 5)], true))
        .await
        .unwrap();
    assert_eq!(incoming(item.id).await, (28, 0, version + 3));
    let over = done!(database, tx => purchases::cancel(&mut tx, draft.id, None)).unwrap();
    assert_eq!((over.status, over.received), (PurchaseStatus::Cancelled, 25));
    assert_eq!(incoming(milk_item.id).await, (0, 0, 3));
    assert_eq!(
        conflict(receive(database, draft.id, &receipt(&[(milk.id, 1)], false)).await),
        Conflict::PurchaseState
    );
    let listed = purchases::list(&database.store, &PurchaseFilter::default(), Page::default())
        .await
        .unwrap();
    assert_eq!(listed, [PurchaseOrder { lines: None, ..over }]);
    // Every step has left its records: audit rows and events of the order, and of the items that received.
    for (sql, expected) in [
        ("SELECT COUNT(*) FROM audit WHERE entity LIKE 'purchases/%'", 6),
        ("SELECT COUNT(*) FROM outbox WHERE subject LIKE 'purchases/%'", 6),
        ("SELECT COUNT(*) FROM audit WHERE action = 'purchases_receive'", 4),
        ("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.stock.received'", 3),
    ] {
        assert_eq!(database.number(sql).await, expected, "{sql}");
    }
}

pub async fn refused_purchases_change_nothing(database: &Database) {
    let (tea, milk, old) = (
        database.product("TEA", 5).await,
        database.product("MILK", 5).await,
        database.product("OLD", 5).await,
    );
    let discontinue = ProductChanges {
        status: Some(ProductStatus::Discontinued),
        ..ProductChanges::default()
    };
    done!(database, tx => products::update(&mut tx, old.id, None, &discontinue)).unwrap();
    let partner = supplier(database, "NORTH", vec![supplied(tea.id), supplied(old.id)]).await;
    let records =
        "SELECT (SELECT COUNT(*) FROM purchases) + (SELECT COUNT(*) FROM audit) + (SELECT COUNT(*) FROM outbox)";
    let before = database.number(records).await;
    let refused = async |new: NewPurchaseOrder| done!(database, tx => purchases::create(&mut tx, &new));
    assert_eq!(
        pointers(refused(new_order(partner.id, &[(tea.id, 1), (milk.id, 1), (999, 1)])).await),
        ["/lines/1/product_id", "/lines/2/product_id"]
    );
    assert_eq!(pointers(refused(new_order(99, &[(tea.id, 1)])).await), ["/supplier_id"]);
    assert_eq!(pointers(refused(new_order(partner.id, &[])).await), ["/lines"]);
    let elsewhere = NewPurchaseOrder {
        location_id: Some(99),
        ..new_order(partner.id, &[(tea.id, 1)])
    };
    assert_eq!(pointers(refused(elsewhere).await), ["/location_id"]);
    assert_eq!(
        conflict(refused(new_order(partner.id, &[(old.id, 1)])).await),
        Conflict::ProductNotReordered
    );
    assert_eq!(database.number(records).await, before);
    // What was written before the product was discontinued is not ordered either.
    let draft = create(database, partner.id, &[(tea.id, 5)]).await;
    done!(database, tx => products::update(&mut tx, tea.id, None, &discontinue)).unwrap();
    assert_eq!(
        conflict(done!(database, tx => purchases::order(&mut tx, draft.id, None))),
        Conflict::ProductNotReordered
    );
}

pub async fn receipts_at_once_never_receive_too_much(database: &Database) {
    let tea = database.product("TEA", 0).await;
    let item = database.add(tea.id, 0, None).await;
    let partner = supplier(database, "NORTH", vec![supplied(tea.id)]).await;
    let purchase = create(database, partner.id, &[(tea.id, 10)]).await;
    order(database, purchase.id).await;
    let mut receipts = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut tx: Tx = database.begin();
        receipts.spawn(async move {
            let received = purchases::receive(&mut tx, purchase.id, None, &receipt(&[(tea.id, 3)], false)).await;
            if received.is_ok() {
                tx.commit().await.unwrap();
            }
            received.is_ok()
        });
    }
    let took: usize = receipts.join_all().await.into_iter().map(usize::from).sum();
    let now = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((took, now.quantity, now.incoming), (3, 9, 1));
}

pub async fn reconciling_finds_and_repairs_what_is_on_its_way(database: &Database) {
    let (tea, milk) = (database.product("TEA", 0).await, database.product("MILK", 0).await);
    let item = database.add(tea.id, 3, None).await;
    let partner = supplier(database, "NORTH", vec![supplied(tea.id), supplied(milk.id)]).await;
    let purchase = create(database, partner.id, &[(tea.id, 10), (milk.id, 5)]).await;
    order(database, purchase.id).await;
    // A draft, and one that more came of than was ordered, count for nothing.
    create(database, partner.id, &[(tea.id, 70)]).await;
    let over = create(database, partner.id, &[(tea.id, 1), (milk.id, 1)]).await;
    order(database, over.id).await;
    receive(database, over.id, &receipt(&[(tea.id, 4)], true))
        .await
        .unwrap();
    assert_eq!(reconcile::drift(&database.store, 10).await.unwrap(), []);
    database
        .store
        .execute_raw("UPDATE stock_items SET incoming = incoming + 9")
        .await
        .unwrap();
    let drift = reconcile::drift(&database.store, 10).await.unwrap();
    let found: Vec<_> = drift.iter().map(|one| (one.incoming, one.purchases)).collect();
    assert_eq!(found, [(19, 10), (15, 6)]);
    let before = stock::get(&database.store, item.id).await.unwrap();
    let records = "SELECT COUNT(*) FROM movements";
    let movements = database.number(records).await;
    for one in &drift {
        assert!(reconcile::repair(database.begin(), one.stock_item_id).await.unwrap());
        assert!(!reconcile::repair(database.begin(), one.stock_item_id).await.unwrap());
    }
    let repaired = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!(
        (repaired.incoming, repaired.quantity, repaired.version),
        (10, 7, before.version + 1)
    );
    assert_eq!(database.number(records).await, movements, "nothing has moved");
    let written = "SELECT COUNT(*) FROM audit WHERE action = 'inventory_reconcile'";
    assert_eq!(database.number(written).await, 2);
}
