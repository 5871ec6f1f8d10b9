use super::{Database, message, order};
use inventory_domain::{
    Conflict, Refusal,
    count::{Count, CountOutcome, CountStatus, NewCount, Record, RecordedLine},
    movement::Reason,
    order::OnShortage,
    shipment::NewCancellation,
    stock::AdjustStock,
};
use inventory_store::{Page, StoreError, clock, counts, fulfilment, movements, processing, stock};
use uuid::Uuid;

fn new(name: &str) -> NewCount {
    NewCount {
        name: name.to_owned(),
        blind: false,
        location_id: None,
        category: None,
        product_ids: None,
    }
}

async fn open(database: &Database, new: &NewCount) -> Count {
    let mut tx = database.begin();
    let count = counts::create(&mut tx, new).await.unwrap();
    tx.commit().await.unwrap();
    count
}

fn counted(lines: &[(i64, i64)]) -> Record {
    let line = |&(stock_item_id, counted): &(i64, i64)| RecordedLine {
        stock_item_id,
        counted,
        counted_at: None,
    };
    Record {
        lines: lines.iter().map(line).collect(),
    }
}

async fn record(database: &Database, id: i64, record: &Record) -> Count {
    let mut tx = database.begin();
    let count = counts::record(&mut tx, id, None, record).await.unwrap();
    tx.commit().await.unwrap();
    count
}

async fn post(database: &Database, id: i64) -> Result<Count, StoreError> {
    let mut tx = database.begin();
    let count = counts::post(&mut tx, id, None).await?;
    tx.commit().await.unwrap();
    Ok(count)
}

async fn adjust(database: &Database, id: i64, delta: i64, reason: Reason) {
    let mut tx = database.begin();
    let note = None;
    stock::adjust(&mut tx, id, None, &AdjustStock { delta, reason, note })
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn on_hand(database: &Database, id: i64) -> i64 {
    stock::get(&database.store, id).await.unwrap().quantity
}

fn outcomes(count: &Count) -> Vec<(Option<CountOutcome>, Option<i64>)> {
    let lines = count.lines.as_deref().unwrap();
    lines.iter().map(|line| (line.outcome, line.adjusted)).collect()
}

pub async fn a_count_lives(database: &Database) {
    let (tea, milk) = (database.product("TEA", 0).await, database.product("MILK", 0).await);
    let one = database.add(tea.id, 10, None).await;
    let two = database.add(milk.id, 20, None).await;
    let shop = database.add(tea.id, 5, Some("SHOP")).await;
    let at_main = NewCount {
        location_id: Some(one.location_id),
        ..new("Main")
    };
    let count = open(database, &at_main).await;
    assert_eq!((count.lines_total, count.lines_counted), (2, 0));
    for (filter, lines) in [
        (
            NewCount {
                product_ids: Some(vec![tea.id]),
                ..new("Tea")
            },
            2,
        ),
        (
            NewCount {
                location_id: Some(shop.location_id),
                product_ids: Some(vec![tea.id]),
                ..new("Shop")
            },
            1,
        ),
    ] {
        assert_eq!(open(database, &filter).await.lines_total, lines);
    }
    for wrong in [
        NewCount {
            category: Some("Nothing".to_owned()),
            ..new("x")
        },
        NewCount {
            location_id: Some(99),
            ..new("x")
        },
        NewCount {
            product_ids: Some(vec![99]),
            ..new("x")
        },
    ] {
        let mut tx = database.begin();
        let refused = counts::create(&mut tx, &wrong).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(Refusal::Invalid(_)))),
            "{refused:?}"
        );
    }
    assert_eq!(
        database.number("SELECT COUNT(*) FROM counts").await,
        3,
        "what was refused is not there"
    );

    assert!(matches!(
        post(database, count.id).await,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::CountState,
            ..
        }))
    ));
    // Three are sold before the shelf is counted, and two after.
    adjust(database, one.id, -3, Reason::Sale).await;
    record(database, count.id, &counted(&[(one.id, 5)])).await;
    let recounted = record(database, count.id, &counted(&[(one.id, 6), (two.id, 20)])).await;
    let line = &recounted.lines.as_deref().unwrap()[0];
    assert_eq!(
        (line.expected, line.on_hand, line.counted, line.difference, line.times),
        (Some(10), Some(7), Some(6), Some(-1), 2)
    );
    adjust(database, one.id, -2, Reason::Sale).await;
    let mut tx = database.begin();
    let other = counts::record(&mut tx, count.id, None, &counted(&[(shop.id, 1)])).await;
    assert!(
        matches!(other, Err(StoreError::Refused(Refusal::Invalid(_)))),
        "{other:?}"
    );
    drop(tx);

    let posted = post(database, count.id).await.unwrap();
    assert_eq!(posted.status, CountStatus::Posted);
    assert_eq!(
        outcomes(&posted),
        [
            (Some(CountOutcome::Adjusted), Some(-1)),
            (Some(CountOutcome::Agreed), Some(0))
        ]
    );
    assert_eq!(on_hand(database, one.id).await, 4, "6 counted, 2 sold since");
    let accuracy = posted.accuracy.clone().unwrap();
    assert_eq!((accuracy.counted, accuracy.agreeing, accuracy.rate), (2, 1, 0.5));
    assert_eq!(
        (accuracy.value[0].on_hand_minor, accuracy.value[0].difference_minor),
        (27 * 250, 250)
    );
    let ledger = movements::list(&database.store, one.id, Page::default()).await.unwrap();
    assert_eq!(ledger.last().unwrap().reason, Some(Reason::Count));
    assert_eq!(counts::get(&database.store, count.id).await.unwrap(), posted);
    let listed = counts::list(&database.store, Some(CountStatus::Posted), Page::default())
        .await
        .unwrap();
    assert_eq!(listed, [posted.summary()]);
    assert!(post(database, count.id).await.is_err(), "nothing is left to post");
    let (from, to) = (posted.created_at, clock().plus_seconds(1));
    assert_eq!(
        counts::accuracy_of(&database.store, from, to).await.unwrap(),
        posted.accuracy
    );
    assert_eq!(
        counts::accuracy_of(&database.store, to, to.plus_seconds(1))
            .await
            .unwrap(),
        None
    );
    for (sql, expected) in [
        ("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.stock.counted'", 1),
        ("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.count.posted'", 1),
        ("SELECT COUNT(*) FROM audit WHERE action = 'counts_post'", 2),
        ("SELECT COUNT(*) FROM audit WHERE action = 'counts_record'", 2),
    ] {
        assert_eq!(database.number(sql).await, expected, "{sql}");
    }

    // What was counted a while ago is held against the ledger of that moment.
    let count = open(
        database,
        &NewCount {
            product_ids: Some(vec![milk.id]),
            ..new("Milk")
        },
    )
    .await;
    let then = clock();
    adjust(database, two.id, -5, Reason::Sale).await;
    let mut earlier = counted(&[(two.id, 19)]);
    earlier.lines[0].counted_at = Some(then);
    let recorded = record(database, count.id, &earlier).await;
    assert_eq!(recorded.lines.unwrap()[0].on_hand, Some(20));
    post(database, count.id).await.unwrap();
    assert_eq!(on_hand(database, two.id).await, 14);
    let called_off = open(database, &new("All")).await;
    let mut tx = database.begin();
    counts::cancel(&mut tx, called_off.id, Some(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(post(database, called_off.id).await.is_err());
}

pub async fn what_cannot_be_posted_is_reported(database: &Database) {
    let tea = database.product("TEA", 0).await;
    let item = database.add(tea.id, 10, None).await;
    let id = Uuid::now_v7();
    let batch = [message(id, order(&[("TEA", 8)], OnShortage::Reject))];
    processing::process(&database.store, &super::caller(), &batch, &[])
        .await
        .unwrap();
    let count = open(database, &new("All")).await;
    record(database, count.id, &counted(&[(item.id, 7)])).await;
    let posted = post(database, count.id).await.unwrap();
    assert_eq!(outcomes(&posted), [(Some(CountOutcome::Blocked), Some(0))]);
    assert_eq!(on_hand(database, item.id).await, 10);
    // The order goes away, and posting again works.
    let mut tx = database.begin();
    let all = NewCancellation { lines: None };
    fulfilment::cancel(&mut tx, id, None, &all).await.unwrap();
    tx.commit().await.unwrap();
    let again = post(database, count.id).await.unwrap();
    assert_eq!(outcomes(&again), [(Some(CountOutcome::Adjusted), Some(-3))]);
    assert_eq!(again.posted_at, posted.posted_at);
    assert_eq!(on_hand(database, item.id).await, 7);
}

pub async fn two_counts_posted_at_once_are_exact(database: &Database) {
    let tea = database.product("TEA", 0).await;
    let item = database.add(tea.id, 100, None).await;
    let mut on_shelf = 93;
    for _ in 0..6 {
        let (first, second) = (open(database, &new("A")).await, open(database, &new("B")).await);
        record(database, first.id, &counted(&[(item.id, on_shelf)])).await;
        adjust(database, item.id, -2, Reason::Sale).await;
        on_shelf -= 2;
        // One more has gone unseen.
        on_shelf -= 1;
        record(database, second.id, &counted(&[(item.id, on_shelf)])).await;
        adjust(database, item.id, 5, Reason::Return).await;
        on_shelf += 5;
        let (a, b) = tokio::join!(post(database, first.id), post(database, second.id));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(on_hand(database, item.id).await, on_shelf, "{a:?}\n{b:?}");
        assert_eq!(outcomes(&b)[0].0, Some(CountOutcome::Adjusted));
        assert!(matches!(
            outcomes(&a)[0].0,
            Some(CountOutcome::Superseded | CountOutcome::Adjusted | CountOutcome::Agreed)
        ));
    }
}
