use super::{Database, caller, message, order, parked};
use inventory_domain::{
    Conflict, Refusal,
    order::{NewOrder, OnShortage, Order, OrderStatus},
    parked::ParkReason,
    payment::{Payment, PaymentStatus, PaymentTerms, Totals},
    shipment::{NewCancellation, NewShipment},
};
use inventory_store::{
    Store, StoreError, fulfilment, orders,
    payments::{self, Noted, Notice},
    processing, stock,
};
use std::sync::Arc;
use tokio::sync::Barrier;
use uuid::Uuid;

fn awaiting(quantity: i64) -> NewOrder {
    NewOrder {
        hold_minutes: Some(30),
        payment: Some(PaymentTerms::Required),
        ..order(&[("A-1", quantity)], OnShortage::Reject)
    }
}

async fn decided(database: &Database, new: NewOrder) -> Order {
    let id = Uuid::now_v7();
    processing::process(&database.store, &caller(), &[message(id, new)], &[])
        .await
        .unwrap();
    orders::get(&database.store, id).await.unwrap()
}

fn notice(message_id: &str, payment_id: &str, order_id: Option<Uuid>, paid_minor: i64, refunded_minor: i64) -> Notice {
    Notice {
        message_id: message_id.to_owned(),
        message_type: "payment_intent.succeeded".to_owned(),
        payment_id: payment_id.to_owned(),
        order_id,
        currency: "EUR".to_owned(),
        totals: Totals {
            paid_minor,
            refunded_minor,
        },
    }
}

async fn hear(store: &Store, notice: &Notice) -> Noted {
    let mut tx = store.begin(caller());
    let noted = payments::note(&mut tx, notice, parked(&notice.message_id, "{}"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    noted
}

async fn payment(database: &Database, id: Uuid) -> Payment {
    orders::get(&database.store, id).await.unwrap().payment.unwrap()
}

async fn ship(store: &Store, id: Uuid) -> Result<Order, StoreError> {
    let mut tx = store.begin(caller());
    let order = fulfilment::ship(&mut tx, id, None, &NewShipment::default()).await?;
    tx.commit().await?;
    Ok(order)
}

pub async fn nothing_ships_before_it_is_paid(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let placed = decided(database, awaiting(3)).await;
    assert_eq!(
        (placed.status, placed.payment.clone()),
        (OrderStatus::Confirmed, Some(Payment::awaited()))
    );
    let refused = ship(&database.store, placed.id).await;
    assert!(matches!(
        refused,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::PaymentMissing,
            ..
        }))
    ));
    let paid = notice("evt_1", "pi_1", Some(placed.id), 750, 0);
    for expected in [Noted::Order, Noted::Repeated, Noted::Repeated] {
        assert_eq!(hear(&database.store, &paid).await, expected);
        let now = orders::get(&database.store, placed.id).await.unwrap();
        assert_eq!((now.version, now.expires_at), (2, None), "its hold is over");
        let payment = now.payment.unwrap();
        assert_eq!(
            (payment.status, payment.paid_minor, payment.currency.as_deref()),
            (PaymentStatus::Paid, 750, Some("EUR"))
        );
    }
    // Another message that says the same.
    assert_eq!(
        hear(&database.store, &notice("evt_2", "pi_1", Some(placed.id), 750, 0)).await,
        Noted::Order
    );
    assert_eq!(orders::get(&database.store, placed.id).await.unwrap().version, 2);
    let later = inventory_store::clock().plus_minutes(31);
    let expired = orders::expire_due(database.store.begin_at(caller(), later), 10).await;
    assert_eq!(expired.unwrap(), 0);
    // Its units are nobody else's, whoever comes when the hold would have ended.
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM reservations WHERE expires_at IS NOT NULL")
            .await,
        0
    );
    assert_eq!(
        ship(&database.store, placed.id).await.unwrap().status,
        OrderStatus::Shipped
    );
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().quantity, 7);
    for (refunded, status) in [
        (250, PaymentStatus::PartlyRefunded),
        (750, PaymentStatus::Refunded),
        (250, PaymentStatus::Refunded),
    ] {
        let back = notice(&format!("evt_r{refunded}{status}"), "pi_1", None, 750, refunded);
        assert_eq!(
            hear(&database.store, &back).await,
            Noted::Order,
            "the payment is known by now"
        );
        let now = payment(database, placed.id).await;
        assert_eq!((now.status, now.is_refund_due), (status, false));
    }
    let told = async |what: &str| {
        let sql = format!("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.{what}'");
        database.number(&sql).await
    };
    assert_eq!(
        (told("paid").await, told("refunded").await, told("refund_due").await),
        (1, 2, 0)
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE action = 'payments_webhook'")
            .await,
        3
    );
}

pub async fn an_unpaid_order_expires_and_money_that_comes_late_is_due_back(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 10, None).await;
    let placed = decided(database, awaiting(3)).await;
    let later = inventory_store::clock().plus_minutes(31);
    let expired = orders::expire_due(database.store.begin_at(caller(), later), 10).await;
    assert_eq!(expired.unwrap(), 1);
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 10);
    assert_eq!(
        hear(&database.store, &notice("evt_1", "pi_1", Some(placed.id), 750, 0)).await,
        Noted::Order
    );
    let now = orders::get(&database.store, placed.id).await.unwrap();
    assert_eq!(now.status, OrderStatus::Expired);
    assert!(now.payment.unwrap().is_refund_due);
    assert_eq!(
        hear(&database.store, &notice("evt_2", "pi_1", Some(placed.id), 750, 750)).await,
        Noted::Order
    );
    assert!(!payment(database, placed.id).await.is_refund_due);

    // Paid first and called off then.
    let other = decided(database, awaiting(2)).await;
    hear(&database.store, &notice("evt_3", "pi_2", Some(other.id), 500, 0)).await;
    let mut tx = database.begin();
    fulfilment::cancel(&mut tx, other.id, None, &NewCancellation::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(payment(database, other.id).await.is_refund_due);
    for (table, column) in [("outbox", "type"), ("audit", "action")] {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} = 'inventory.order.refund_due'");
        assert_eq!(database.number(&sql).await, 2, "{table}");
    }
}

pub async fn messages_in_another_order_give_the_same(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 100, None).await;
    let mut ends = Vec::new();
    for (n, sequence) in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]].into_iter().enumerate() {
        let placed = decided(database, awaiting(1)).await;
        let payment_id = format!("pi_{n}");
        let messages = [
            notice(&format!("evt_{n}a"), &payment_id, Some(placed.id), 900, 0),
            // Refunds do not say which order they are for.
            notice(&format!("evt_{n}b"), &payment_id, None, 900, 100),
            notice(&format!("evt_{n}c"), &payment_id, None, 900, 300),
        ];
        for index in sequence {
            let noted = hear(&database.store, &messages[index]).await;
            assert!(matches!(noted, Noted::Order | Noted::Kept), "{noted:?}");
        }
        for message in &messages {
            assert_eq!(hear(&database.store, message).await, Noted::Repeated);
        }
        ends.push(payment(database, placed.id).await);
    }
    assert_eq!(
        (ends[0].status, ends[0].paid_minor, ends[0].refunded_minor),
        (PaymentStatus::PartlyRefunded, 900, 300)
    );
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");

    // Two payments of one order are one sum.
    let placed = decided(database, awaiting(1)).await;
    for (message, payment) in [("evt_x", "pi_x"), ("evt_y", "pi_y")] {
        hear(&database.store, &notice(message, payment, Some(placed.id), 400, 0)).await;
    }
    assert_eq!(payment(database, placed.id).await.paid_minor, 800);
}

pub async fn what_cannot_be_right_is_parked(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let (one, other) = (
        decided(database, awaiting(1)).await,
        decided(database, awaiting(1)).await,
    );
    hear(&database.store, &notice("evt_1", "pi_1", Some(one.id), 100, 0)).await;
    let in_dollars = |message: &str, payment: &str| Notice {
        currency: "USD".to_owned(),
        ..notice(message, payment, Some(one.id), 100, 0)
    };
    for (notice, reason) in [
        (
            notice("evt_2", "pi_2", Some(Uuid::nil()), 100, 0),
            ParkReason::UnknownOrder,
        ),
        (notice("evt_3", "pi_1", Some(other.id), 100, 0), ParkReason::Invalid),
        (in_dollars("evt_4", "pi_1"), ParkReason::Invalid),
        (in_dollars("evt_5", "pi_5"), ParkReason::Invalid),
    ] {
        for _ in 0..2 {
            assert_eq!(hear(&database.store, &notice).await, Noted::Parked(reason));
        }
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM parked_messages").await, 4);
    assert_eq!(payment(database, one.id).await.paid_minor, 100);
    assert_eq!(payment(database, other.id).await, Payment::awaited());
}

pub async fn payment_against_expiry(database: &Database) {
    let product = database.product("A-1", 0).await;
    let item = database.add(product.id, 100, None).await;
    let mut placed = Vec::new();
    for _ in 0..20 {
        placed.push(decided(database, awaiting(5)).await.id);
    }
    assert_eq!(stock::get(&database.store, item.id).await.unwrap().available, 0);
    let later = inventory_store::clock().plus_minutes(31);
    let barrier = Arc::new(Barrier::new(22));
    let mut expiring = Vec::new();
    for _ in 0..2 {
        let (store, barrier) = (database.store.clone(), Arc::clone(&barrier));
        expiring.push(tokio::spawn(async move {
            barrier.wait().await;
            let mut expired = 0;
            // One by one, so that payments come in between.
            while let done @ 1.. = orders::expire_due(store.begin_at(caller(), later), 1).await.unwrap() {
                expired += done;
            }
            expired
        }));
    }
    let mut paying = Vec::new();
    for id in placed.clone() {
        let (store, barrier) = (database.store.clone(), Arc::clone(&barrier));
        paying.push(tokio::spawn(async move {
            barrier.wait().await;
            hear(
                &store,
                &notice(&format!("evt_{id}"), &format!("pi_{id}"), Some(id), 100, 0),
            )
            .await
        }));
    }
    for task in paying {
        assert_eq!(task.await.unwrap(), Noted::Order);
    }
    let mut expired = 0;
    for task in expiring {
        expired += task.await.unwrap();
    }
    // One of the two expired what the other was looking at: nobody has to be left.
    expired += orders::expire_due(database.store.begin_at(caller(), later), 100)
        .await
        .unwrap();
    let (mut held, mut due) = (0, 0);
    for id in placed {
        let order = orders::get(&database.store, id).await.unwrap();
        let payment = order.payment.unwrap();
        assert_eq!(payment.paid_minor, 100);
        match order.status {
            OrderStatus::Confirmed => {
                assert!(!payment.is_refund_due);
                held += 1;
            }
            OrderStatus::Expired => {
                assert!(payment.is_refund_due, "paid for nothing");
                due += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((held + due, due), (20, expired as i64));
    let level = stock::get(&database.store, item.id).await.unwrap();
    assert_eq!((level.quantity, level.reserved), (100, 5 * held));
}

pub async fn a_message_sent_many_times_at_once_counts_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let placed = decided(database, awaiting(1)).await;
    let mut tasks = Vec::new();
    for n in 0..24 {
        let (store, id) = (database.store.clone(), placed.id);
        // A refund without the order's id, and the payment; each many times.
        let notice = if n % 2 == 0 {
            notice("evt_p", "pi_1", Some(id), 100, 0)
        } else {
            notice("evt_r", "pi_1", None, 100, 40)
        };
        tasks.push(tokio::spawn(async move { hear(&store, &notice).await }));
    }
    let mut repeated = 0;
    for task in tasks {
        repeated += i64::from(task.await.unwrap() == Noted::Repeated);
    }
    assert_eq!(repeated, 22);
    let payment = payment(database, placed.id).await;
    assert_eq!((payment.paid_minor, payment.refunded_minor), (100, 40));
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.paid'")
            .await,
        1
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM outbox WHERE type = 'inventory.order.refunded'")
            .await,
        1
    );
}
