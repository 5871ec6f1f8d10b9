use super::{Database, caller, message, order};
use inventory_domain::{
    Conflict, Refusal,
    movement::Reason,
    order::{NewOrderLine, OnShortage, OrderStatus},
    transfer::{ArrivedLine, NewTransfer, Transfer, TransferChanges, TransferReceipt, TransferStatus},
};
use inventory_store::{
    Page, Store, StoreError, movements, processing, products, stock,
    stock::StockFilter,
    transfers::{self, TransferFilter},
};
use std::sync::Arc;
use tokio::sync::Barrier;
use uuid::Uuid;

fn lines(lines: &[(&str, i64)]) -> Vec<NewOrderLine> {
    let line = |(sku, quantity): &(&str, i64)| NewOrderLine {
        product_id: None,
        sku: Some((*sku).to_owned()),
        quantity: *quantity,
    };
    lines.iter().map(line).collect()
}

async fn plan_between(store: &Store, from: &str, to: &str, wanted: &[(&str, i64)]) -> Result<Transfer, StoreError> {
    let mut tx = store.begin(caller());
    let new = NewTransfer {
        from_location: Some(from.to_owned()),
        from_location_id: None,
        to_location: Some(to.to_owned()),
        to_location_id: None,
        note: None,
        lines: lines(wanted),
    };
    let transfer = transfers::create(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(transfer)
}

async fn plan(database: &Database, wanted: &[(&str, i64)]) -> Transfer {
    plan_between(&database.store, "MAIN", "Warehouse A", wanted)
        .await
        .unwrap()
}

async fn dispatch(store: &Store, id: i64) -> Result<Transfer, StoreError> {
    let mut tx = store.begin(caller());
    let transfer = transfers::dispatch(&mut tx, id, None).await?;
    tx.commit().await?;
    Ok(transfer)
}

async fn receive(store: &Store, id: i64, missing: &[(i64, i64)]) -> Result<Transfer, StoreError> {
    let mut tx = store.begin(caller());
    let named = missing.iter().map(|&(line, quantity)| ArrivedLine { line, quantity });
    let receipt = TransferReceipt {
        lines: Some(named.collect()),
    };
    let transfer = transfers::receive(&mut tx, id, None, &receipt).await?;
    tx.commit().await?;
    Ok(transfer)
}

async fn cancel(store: &Store, id: i64) -> Result<Transfer, StoreError> {
    let mut tx = store.begin(caller());
    let transfer = transfers::cancel(&mut tx, id, None).await?;
    tx.commit().await?;
    Ok(transfer)
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    match result {
        Err(StoreError::Refused(Refusal::Conflict { conflict, .. })) => conflict,
        other => panic!("must be a conflict, was {other:?}"),
    }
}

/// Units on hand of a product, by location.
async fn on_hand(database: &Database, sku: &str) -> Vec<(String, i64)> {
    let filter = StockFilter {
        sku: Some(sku.to_owned()),
        ..StockFilter::default()
    };
    let items = stock::list(&database.store, &filter, Page::default()).await.unwrap();
    items.into_iter().map(|item| (item.location, item.quantity)).collect()
}

fn at(main: i64, warehouse: i64) -> Vec<(String, i64)> {
    vec![("MAIN".to_owned(), main), ("Warehouse A".to_owned(), warehouse)]
}

/// Two products at `MAIN`, ten units each, and a place to send them to, where one unit of the first is.
async fn stocked(database: &Database) -> (i64, i64) {
    let (a, b) = (database.product("A-1", 0).await, database.product("B-1", 0).await);
    let item = database.add(a.id, 10, None).await;
    database.add(b.id, 10, None).await;
    let there = database.add(a.id, 1, Some("Warehouse A")).await;
    (item.id, there.id)
}

pub async fn a_transfer_leaves_one_place_and_arrives_at_the_other(database: &Database) {
    let (item, there) = stocked(database).await;
    let draft = plan(database, &[("A-1", 4)]).await;
    assert_eq!((draft.status, draft.version), (TransferStatus::Draft, 1));
    assert_eq!(
        conflict(receive(&database.store, draft.id, &[]).await),
        Conflict::TransferState
    );
    let mut tx = database.begin();
    let changes = TransferChanges {
        note: Some(Some("by van".to_owned())),
        lines: Some(lines(&[("A-1", 4), ("B-1", 10), ("A-1", 1)])),
    };
    let changed = transfers::update(&mut tx, draft.id, Some(1), &changes).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(transfers::get(&database.store, draft.id).await.unwrap(), changed);
    assert_eq!(on_hand(database, "A-1").await, at(10, 1), "a draft moves nothing");

    for _ in 0..2 {
        let sent = dispatch(&database.store, draft.id).await.unwrap();
        assert_eq!((sent.status, sent.version), (TransferStatus::InTransit, 3));
    }
    assert_eq!(on_hand(database, "A-1").await, at(5, 1), "in transit it is nobody's");
    let mut tx = database.begin();
    let late = transfers::update(&mut tx, draft.id, None, &changes).await;
    assert_eq!(conflict(late), Conflict::TransferState);
    drop(tx);

    for _ in 0..2 {
        let received = receive(&database.store, draft.id, &[]).await.unwrap();
        assert_eq!((received.status, received.version), (TransferStatus::Received, 4));
        assert!(
            received
                .lines
                .iter()
                .all(|line| line.received == line.quantity && line.lost == 0)
        );
    }
    assert_eq!(on_hand(database, "A-1").await, at(5, 6));
    assert_eq!(
        on_hand(database, "B-1").await,
        at(0, 10),
        "a stock item where there was none"
    );
    assert_eq!(
        conflict(cancel(&database.store, draft.id).await),
        Conflict::TransferState
    );

    let told = |ledger: Vec<inventory_domain::movement::Movement>| {
        let rows = ledger.into_iter().skip(1);
        rows.map(|m| (m.on_hand_delta, m.reason, m.note)).collect::<Vec<_>>()
    };
    let note = Some(format!("transfers/{}", draft.id));
    let left = movements::list(&database.store, item, Page::default()).await.unwrap();
    let came = movements::list(&database.store, there, Page::default()).await.unwrap();
    let row = |delta| (delta, Some(Reason::Transfer), note.clone());
    assert_eq!(told(left), [row(-4), row(-1)]);
    assert_eq!(told(came), [row(4), row(1)]);
    for (kind, count) in [("created", 1), ("updated", 1), ("dispatched", 1), ("received", 1)] {
        let events = format!("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.transfer.{kind}'");
        assert_eq!(database.number(&events).await, count, "{kind}");
    }
    let moved = "SELECT COUNT(*) FROM outbox WHERE type = 'inventory.stock.transferred'";
    assert_eq!(database.number(moved).await, 4);
    let filter = TransferFilter {
        status: Some(TransferStatus::Received),
        ..TransferFilter::default()
    };
    let listed = transfers::list(&database.store, &filter, Page::default())
        .await
        .unwrap();
    assert_eq!(listed, [transfers::get(&database.store, draft.id).await.unwrap()]);
    assert_eq!(transfers::count(&database.store, &filter).await.unwrap(), 1);
}

pub async fn what_does_not_arrive_is_lost_in_the_ledger(database: &Database) {
    let (_, there) = stocked(database).await;
    let transfer = plan(database, &[("A-1", 6), ("B-1", 2)]).await;
    dispatch(&database.store, transfer.id).await.unwrap();
    let over = receive(&database.store, transfer.id, &[(1, 7)]).await.unwrap_err();
    assert!(matches!(over, StoreError::Refused(Refusal::Invalid(found)) if found[0].pointer == "/lines/0/quantity"));
    let received = receive(&database.store, transfer.id, &[(1, 4)]).await.unwrap();
    let found: Vec<_> = received.lines.iter().map(|line| (line.received, line.lost)).collect();
    assert_eq!(found, [(4, 2), (2, 0)]);
    assert_eq!(transfers::get(&database.store, transfer.id).await.unwrap(), received);
    assert_eq!(on_hand(database, "A-1").await, at(4, 5));
    let ledger = movements::list(&database.store, there, Page::default()).await.unwrap();
    let told: Vec<_> = ledger.iter().map(|m| (m.on_hand_delta, m.reason)).collect();
    assert_eq!(
        told[1..],
        [(6, Some(Reason::Transfer)), (-2, Some(Reason::Loss))],
        "all units are somewhere in the ledger"
    );
}

pub async fn a_cancelled_transfer_is_back_where_it_came_from(database: &Database) {
    stocked(database).await;
    let draft = plan(database, &[("A-1", 3)]).await;
    assert_eq!(
        cancel(&database.store, draft.id).await.unwrap().status,
        TransferStatus::Cancelled
    );
    assert_eq!(on_hand(database, "A-1").await, at(10, 1));
    let sent = plan(database, &[("A-1", 3)]).await;
    dispatch(&database.store, sent.id).await.unwrap();
    for _ in 0..2 {
        let cancelled = cancel(&database.store, sent.id).await.unwrap();
        assert_eq!((cancelled.status, cancelled.version), (TransferStatus::Cancelled, 3));
    }
    assert_eq!(on_hand(database, "A-1").await, at(10, 1));
    assert_eq!(
        conflict(dispatch(&database.store, sent.id).await),
        Conflict::TransferState
    );
    assert_eq!(
        conflict(receive(&database.store, sent.id, &[]).await),
        Conflict::TransferState
    );
}

pub async fn a_transfer_takes_nothing_that_is_promised(database: &Database) {
    stocked(database).await;
    let batch = [message(Uuid::now_v7(), order(&[("A-1", 11)], OnShortage::Reject))];
    processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap();
    let transfer = plan(database, &[("B-1", 1), ("A-1", 1)]).await;
    assert_eq!(
        conflict(dispatch(&database.store, transfer.id).await),
        Conflict::InsufficientStock
    );
    assert_eq!(
        on_hand(database, "B-1").await,
        [("MAIN".to_owned(), 10)],
        "all or nothing"
    );
    let status = transfers::get(&database.store, transfer.id).await.unwrap().status;
    assert_eq!(status, TransferStatus::Draft);
    let nothing = plan(database, &[("B-1", 11)]).await;
    assert_eq!(
        conflict(dispatch(&database.store, nothing.id).await),
        Conflict::InsufficientStock
    );
    let same = plan_between(&database.store, "MAIN", "main", &[("A-1", 1)])
        .await
        .unwrap_err();
    assert!(matches!(same, StoreError::Refused(Refusal::Invalid(found)) if found[0].code == "same_location"));
    let nowhere = plan_between(&database.store, "MAIN", "Nowhere", &[("A-1", 1)])
        .await
        .unwrap_err();
    assert!(matches!(nowhere, StoreError::Refused(Refusal::Invalid(found)) if found[0].pointer == "/to_location"));
}

pub async fn a_transfer_and_an_order_at_once(database: &Database) {
    let product = database.product("HOT", 0).await;
    database.add(product.id, 50, None).await;
    let there = database.add(product.id, 0, Some("Warehouse A")).await;
    let start = Arc::new(Barrier::new(80));
    let mut tasks = Vec::new();
    // Forty transfers of one unit and forty orders of one unit want fifty units.
    for number in 0..80 {
        let (store, start) = (database.store.clone(), Arc::clone(&start));
        let planned = if number % 2 == 0 {
            Some(plan(database, &[("HOT", 1)]).await.id)
        } else {
            None
        };
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            if let Some(id) = planned {
                match dispatch(&store, id).await {
                    Ok(_) => true,
                    refused => {
                        assert_eq!(conflict(refused), Conflict::InsufficientStock);
                        false
                    }
                }
            } else {
                let batch = [message(Uuid::now_v7(), order(&[("HOT", 1)], OnShortage::Reject))];
                let decided = processing::process(&store, &caller(), &batch, &[]).await.unwrap();
                decided.outcomes == [processing::Outcome::Decided(OrderStatus::Confirmed)]
            }
        }));
    }
    let mut won = 0;
    for task in tasks {
        won += i64::from(task.await.unwrap());
    }
    assert_eq!(won, 50);
    let sent = database
        .number("SELECT COUNT(*) FROM transfers WHERE status = 'in_transit'")
        .await;
    let confirmed = database
        .number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'")
        .await;
    assert_eq!(sent + confirmed, 50);
    assert_eq!(on_hand(database, "HOT").await, at(50 - sent, 0));
    let reserved = "SELECT CAST(SUM(reserved) AS BIGINT) FROM stock_items";
    assert_eq!(database.number(reserved).await, confirmed);
    assert_eq!(stock::get(&database.store, there.id).await.unwrap().available, 0);
}

pub async fn receiving_and_cancelling_at_once_has_one_winner(database: &Database) {
    stocked(database).await;
    for _ in 0..10 {
        let before = on_hand(database, "A-1").await;
        let transfer = plan(database, &[("A-1", 1)]).await;
        dispatch(&database.store, transfer.id).await.unwrap();
        let (one, two) = (database.store.clone(), database.store.clone());
        let id = transfer.id;
        let received =
            tokio::spawn(async move { receive(&one, id, &[]).await.map_err(|error| conflict::<()>(Err(error))) });
        let cancelled = tokio::spawn(async move { cancel(&two, id).await.map_err(|error| conflict::<()>(Err(error))) });
        let (received, cancelled) = (received.await.unwrap(), cancelled.await.unwrap());
        assert_ne!(received.is_ok(), cancelled.is_ok(), "{received:?} {cancelled:?}");
        let moved = i64::from(received.is_ok());
        assert_eq!(
            on_hand(database, "A-1").await,
            at(before[0].1 - moved, before[1].1 + moved)
        );
    }
}

pub async fn transfers_both_ways_at_once_do_not_block_each_other(database: &Database) {
    stocked(database).await;
    let b = database.product("C-1", 0).await;
    database.add(b.id, 10, None).await;
    database.add(b.id, 10, Some("Warehouse A")).await;
    let mut tasks = Vec::new();
    for number in 0..20 {
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            // The lines of the two directions name the products in other orders.
            let (from, to, wanted) = if number % 2 == 0 {
                ("MAIN", "Warehouse A", [("A-1", 1), ("C-1", 1)])
            } else {
                ("Warehouse A", "MAIN", [("C-1", 1), ("A-1", 1)])
            };
            let transfer = plan_between(&store, from, to, &wanted).await.unwrap();
            match dispatch(&store, transfer.id).await {
                Ok(_) => drop(receive(&store, transfer.id, &[]).await.unwrap()),
                refused => assert_eq!(conflict(refused), Conflict::InsufficientStock),
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for (sku, all) in [("A-1", 11), ("C-1", 20)] {
        let units: i64 = on_hand(database, sku).await.iter().map(|(_, units)| units).sum();
        assert_eq!(units, all, "{sku}: none lost, none made");
    }
}

pub async fn statements_do_not_grow_with_the_lines_of_a_transfer(database: &Database) {
    let skus: Vec<String> = (0..30).map(|n| format!("P-{n}")).collect();
    for sku in &skus {
        let product = database.product(sku, 0).await;
        database.add(product.id, 100, None).await;
    }
    database.add(1, 1, Some("Warehouse A")).await;
    let mut used = Vec::new();
    for size in [1_usize, 30] {
        let before = database.store.statements();
        let wanted: Vec<_> = skus[..size].iter().map(|sku| (sku.as_str(), 2)).collect();
        let transfer = plan(database, &wanted).await;
        dispatch(&database.store, transfer.id).await.unwrap();
        receive(&database.store, transfer.id, &[(1, 1)]).await.unwrap();
        used.push(database.store.statements() - before);
    }
    assert_eq!(used[0], used[1]);
}

pub async fn a_product_in_transit_is_not_archived(database: &Database) {
    stocked(database).await;
    let filter = StockFilter {
        sku: Some("B-1".to_owned()),
        ..StockFilter::default()
    };
    let item = stock::list(&database.store, &filter, Page::default())
        .await
        .unwrap()
        .remove(0);
    let transfer = plan(database, &[("B-1", 10)]).await;
    dispatch(&database.store, transfer.id).await.unwrap();
    let mut tx = database.begin();
    let archived = products::archive(&mut tx, item.product_id, None).await;
    assert_eq!(conflict(archived), Conflict::ProductHasStock);
}
