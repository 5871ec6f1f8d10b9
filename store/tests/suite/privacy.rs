use super::{Database, caller, message, order, parked};
use inventory_domain::{Refusal, order::OnShortage};
use inventory_store::{
    StoreError,
    audit::{self, AuditFilter},
    erasure, idempotency, orders,
    orders::OrderFilter,
    parked as parked_messages, processing,
};
use uuid::Uuid;

/// How many rows of all tables hold the text.
async fn found(database: &Database, text: &str) -> i64 {
    let columns = [
        ("customers", "reference"),
        ("idempotency_keys", "reply"),
        ("parked_messages", "body"),
        ("parked_messages", "detail"),
        ("outbox", "body"),
        ("audit", "COALESCE(before, '')"),
        ("audit", "COALESCE(after, '')"),
        ("access_log", "entity"),
    ];
    let mut found = 0;
    for (table, column) in columns {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%{text}%'");
        found += database.number(&sql).await;
    }
    found
}

pub async fn a_customer_is_erased_everywhere_and_nothing_else_changes(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let of = |customer: &str| inventory_domain::order::NewOrder {
        customer: customer.to_owned(),
        ..order(&[("A-1", 1)], OnShortage::Reject)
    };
    // An order with its answer kept, decided; one of somebody else; messages parked, one of them on its way once more.
    let mut tx = database.begin();
    idempotency::claim(&mut tx, "s", "k").await.unwrap();
    let mine = orders::create(&mut tx, &of("Jane-77")).await.unwrap();
    let reply = serde_json::json!({ "code": 202, "body": serde_json::to_string(&mine).unwrap() });
    idempotency::keep(&mut tx, "s", "k", "f", &reply.to_string()).unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.begin();
    let other = orders::create(&mut tx, &of("Jane-771")).await.unwrap();
    tx.commit().await.unwrap();
    let batch = [message(mine.id, of("Jane-77"))];
    let bad = [
        parked("m-1", r#"{"customer":"Jane-77","lines":[]}"#),
        parked("m-2", r#"{"customer":"Jane-77"} and more"#),
        parked("m-3", r#"{"customer":"Jane-771"}"#),
    ];
    processing::process(&database.store, &caller(), &batch, &bad)
        .await
        .unwrap();
    let mut tx = database.begin();
    parked_messages::replay(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE after LIKE '%Jane%'")
            .await
            + database
                .number("SELECT COUNT(*) FROM outbox WHERE type LIKE 'inventory.order.%' AND body LIKE '%Jane%'")
                .await,
        0,
        "events and audit carry ids only"
    );
    let history = "SELECT COUNT(*) FROM movements";
    let before = (
        database.number(history).await,
        database.number("SELECT COUNT(*) FROM outbox").await,
    );

    let mut tx = database.begin();
    let erased = erasure::erase(&mut tx, mine.customer_id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(erased.reference, format!("erased-{}", mine.customer_id));
    assert!(erased.erased_at.is_some());
    assert_eq!(erasure::get(&database.store, erased.id).await.unwrap(), erased);
    for (text, rows) in [("Jane-77\"", 0), ("Jane-77", 2), ("Jane-771", 2)] {
        assert_eq!(
            found(database, text).await,
            rows,
            "{text}: somebody else's row and parked message are left"
        );
    }
    let kept = orders::get(&database.store, mine.id).await.unwrap();
    assert_eq!(
        (kept.customer.as_str(), kept.lines[0].reserved),
        (erased.reference.as_str(), 1)
    );
    assert_eq!(database.number(history).await, before.0, "the ledger is as it was");
    assert_eq!(
        orders::get(&database.store, other.id).await.unwrap().customer,
        "Jane-771"
    );
    let trail = audit::list(
        &database.store,
        &AuditFilter {
            action: Some("customers_erase".into()),
            ..AuditFilter::default()
        },
        inventory_store::Page::default(),
    )
    .await
    .unwrap();
    let after = trail[0].after.as_ref().unwrap().get();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(after).unwrap(),
        serde_json::json!({ "customer_id": mine.customer_id, "replies": 1, "parked": 2, "queued": 1, "exports": 0 })
    );

    // Again: nothing happens, nothing is told.
    let mut tx = database.begin();
    assert_eq!(erasure::erase(&mut tx, mine.customer_id).await.unwrap(), erased);
    tx.commit().await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, before.1 + 1);
    let unknown = erasure::erase(&mut database.begin(), 4711).await.unwrap_err();
    assert!(matches!(unknown, StoreError::Refused(Refusal::NotFound { .. })));

    // Who orders under the reference now is somebody new; who names the erased one is nobody's customer.
    let mut tx = database.begin();
    let again = orders::create(&mut tx, &of("Jane-77")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(again.customer_id > mine.customer_id);
    let filter = OrderFilter {
        customer: Some(erased.reference.clone()),
        ..OrderFilter::default()
    };
    assert_eq!(orders::count(&database.store, &filter).await.unwrap(), 1);
    let refused = orders::create(&mut database.begin(), &of(&erased.reference))
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::Invalid(_))));
    let all = erasure::CustomerFilter {
        reference: None,
        erased: Some(false),
    };
    let customers = erasure::list(&database.store, &all, inventory_store::Page::default())
        .await
        .unwrap();
    assert_eq!(
        customers.iter().map(|c| c.reference.as_str()).collect::<Vec<_>>(),
        ["Jane-771", "Jane-77"]
    );
}

pub async fn an_erasure_that_is_not_committed_has_changed_nothing(database: &Database) {
    database.product("A-1", 0).await;
    let mut tx = database.begin();
    let mine = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.begin();
    erasure::erase(&mut tx, mine.customer_id).await.unwrap();
    drop(tx);
    assert_eq!(
        erasure::get(&database.store, mine.customer_id).await.unwrap().erased_at,
        None
    );
    assert_eq!(orders::get(&database.store, mine.id).await.unwrap().customer, "C-1");
}

pub async fn orders_and_the_erasure_of_their_customer_at_once(database: &Database) {
    let product = database.product("A-1", 0).await;
    database.add(product.id, 1_000, None).await;
    let mut tx = database.begin();
    let first = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tasks = Vec::new();
    for n in 0..120 {
        let store = database.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut tx = store.begin(caller());
            if n == 60 {
                erasure::erase(&mut tx, first.customer_id).await.unwrap();
                tx.commit().await.unwrap();
                return None;
            }
            let placed = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
                .await
                .ok()?;
            match tx.commit().await {
                Ok(()) => Some(placed),
                Err(error) => {
                    assert!(error.is_missing_reference(), "{error:?}");
                    None
                }
            }
        }));
    }
    // All of them first: the erasure is one of them.
    let mut all_placed = Vec::new();
    for task in tasks {
        all_placed.extend(task.await.unwrap());
    }
    for placed in all_placed {
        let now = orders::get(&database.store, placed.id).await.unwrap();
        let erased = placed.customer_id == first.customer_id;
        assert_eq!(now.customer_id, placed.customer_id);
        assert_eq!(now.customer == "C-1", !erased, "{now:?}");
    }
    // Batches find the new customer by themselves.
    let batch = [message(Uuid::now_v7(), order(&[("A-1", 1)], OnShortage::Reject))];
    let outcomes = processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap()
        .outcomes;
    assert!(matches!(outcomes[0], processing::Outcome::Decided(_)));
}

pub async fn messages_name_customers_by_id(database: &Database) {
    use inventory_domain::{order::OrderStatus::Confirmed, parked::ParkReason::UnknownCustomer};
    let product = database.product("A-1", 0).await;
    database.add(product.id, 10, None).await;
    let mut tx = database.begin();
    let placed = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let by_id = |order_id, customer_id| processing::OrderMessage {
        customer_id: Some(customer_id),
        ..message(
            order_id,
            inventory_domain::order::NewOrder {
                customer: String::new(),
                ..order(&[("A-1", 1)], OnShortage::Reject)
            },
        )
    };
    let new = Uuid::now_v7();
    let batch = [
        by_id(placed.id, placed.customer_id),
        by_id(new, placed.customer_id),
        by_id(Uuid::now_v7(), 4711),
    ];
    let outcomes = processing::process(&database.store, &caller(), &batch, &[])
        .await
        .unwrap()
        .outcomes;
    assert_eq!(
        outcomes,
        [
            processing::Outcome::Decided(Confirmed),
            processing::Outcome::Decided(Confirmed),
            processing::Outcome::Parked(UnknownCustomer)
        ]
    );
    assert_eq!(orders::get(&database.store, new).await.unwrap().customer, "C-1");
}

pub async fn the_audit_trail_is_found_by_its_indexes(database: &Database) {
    database.product("A-1", 0).await;
    for (sql, index) in [
        (
            "SELECT id FROM audit WHERE actor = 'a' AND actor <> 'orders_process' ORDER BY id DESC LIMIT 10",
            "audit_actor",
        ),
        (
            "SELECT id FROM audit WHERE entity = 'a' ORDER BY id DESC LIMIT 10",
            "audit_entity",
        ),
        (
            "SELECT id FROM audit WHERE action = 'a' AND action <> 'orders_process' ORDER BY id DESC LIMIT 10",
            "audit_action",
        ),
        ("SELECT COUNT(*) FROM audit WHERE at >= 1 AND at < 2", "audit_at"),
        (
            "SELECT id FROM access_log WHERE entity = 'a' ORDER BY id DESC LIMIT 10",
            "access_log_entity",
        ),
        (
            "SELECT id FROM access_log WHERE actor = 'a' ORDER BY id DESC LIMIT 10",
            "access_log_actor",
        ),
        ("DELETE FROM access_log WHERE last_at < 1", "access_log_last_at"),
        (
            "SELECT seq FROM outbox WHERE type = 'inventory.message.resent' AND seq > 1 ORDER BY seq LIMIT 9",
            "outbox_resent",
        ),
    ] {
        if let Some(plan) = database.store.explain(sql).await.unwrap() {
            assert!(plan.contains(index), "{sql}\n{plan}");
        }
    }
}
