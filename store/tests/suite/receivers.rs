use super::Database;
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    channel::ChannelKind,
    delivery::{Attempt, Delivery, DeliveryState, DisabledReason},
    limits,
};
use inventory_store::{
    Page, Store, StoreError,
    notifications::{self, DeliveryFilter, Notification, Outcome, Tried},
    outbox::{self, Destination, Sent},
    receivers::{self, Content, Receiver, ReceiverKind, Resource},
};
use uuid::Uuid;

const RESOURCE: Resource = Resource::Webhooks;

fn view(receiver: &Receiver) -> Result<serde_json::Value, StoreError> {
    receiver.details()
}

async fn receiver(database: &Database, name: &str, prefixes: &[&str]) -> Result<Receiver, StoreError> {
    let prefixes: Vec<_> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
    let content = Content {
        kind: ReceiverKind::Channel(ChannelKind::Webhook),
        name,
        details: "{}",
        secrets: Some("sealed"),
        prefixes: &prefixes,
        view,
    };
    let mut tx = database.begin();
    let made = receivers::create(&mut tx, RESOURCE, Uuid::now_v7(), "webhooks_create", &content).await?;
    tx.commit().await?;
    Ok(made)
}

/// Hands over what waits, as the relay does, to all of `to`.
async fn spread(database: &Database, to: &[&Receiver], now: Timestamp) -> usize {
    let owner = Uuid::now_v7();
    let events = outbox::claim(
        &database.store,
        Destination::Receivers,
        owner,
        now,
        now.plus_seconds(30),
        100,
    )
    .await
    .unwrap();
    let notifications: Vec<_> = to
        .iter()
        .flat_map(|receiver| {
            events.iter().map(|event| Notification {
                receiver_id: receiver.id,
                seq: event.seq,
                event_id: event.event_id,
                event_type: &event.event_type,
            })
        })
        .collect();
    let written = notifications::spread(&database.store, &notifications, now)
        .await
        .unwrap();
    assert_eq!(written as usize, notifications.len());
    let again = notifications::spread(&database.store, &notifications, now)
        .await
        .unwrap();
    assert_eq!(again, 0, "what is on its way is left alone");
    let sent: Vec<_> = events.iter().map(|event| (event.seq, Sent::Yes)).collect();
    outbox::settle(&database.store, Destination::Receivers, owner, &sent)
        .await
        .unwrap();
    events.len()
}

/// Puts something on the way to a webhook; says how much.
pub async fn on_its_way(database: &Database) -> i64 {
    let receiver = receiver(database, "Everything", &[""]).await.unwrap();
    database.product("ON-ITS-WAY", 0).await;
    spread(database, &[&receiver], inventory_store::clock()).await as i64
}

async fn due_to(store: &Store, now: Timestamp) -> Vec<i64> {
    let due = notifications::due_receivers(store, now).await.unwrap();
    due.into_iter().map(|receiver| receiver.id).collect()
}

async fn deliveries(database: &Database, receiver: &Receiver) -> Vec<Delivery> {
    let filter = DeliveryFilter {
        resource: RESOURCE,
        receiver_id: receiver.id,
        state: None,
    };
    let all = notifications::list(&database.store, &filter, Page::default())
        .await
        .unwrap();
    assert_eq!(
        notifications::count(&database.store, &filter).await.unwrap(),
        all.len() as i64
    );
    all
}

fn tried(id: i64, attempt: i64, at: Timestamp, outcome: Outcome) -> Tried {
    let attempt = Attempt {
        attempt,
        at,
        duration_ms: 3,
        status: Some(500),
        problem: Some("no".to_owned()),
        answer: None,
    };
    Tried { id, attempt, outcome }
}

pub async fn deliveries_are_tried_by_one_and_settled_once(database: &Database) {
    let store = &database.store;
    // Before anybody asks: the location, too.
    let before = database.product("A-0", 0).await;
    database.add(before.id, 1, None).await;
    assert!(!receivers::is_subscribed(store, Destination::Receivers).await.unwrap());
    let one = receiver(database, "one", &["inventory.product."]).await.unwrap();
    let two = receiver(database, "two", &[""]).await.unwrap();
    assert!(matches!(
        receiver(database, "two", &[]).await,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::ReceiverNameTaken,
            ..
        }))
    ));
    assert!(receivers::is_subscribed(store, Destination::Receivers).await.unwrap());
    let product = database.product("A-1", 0).await;
    // One row, although both want it.
    let rows = "SELECT COUNT(*) FROM deliveries WHERE destination = 'receivers'";
    assert_eq!(database.number(rows).await, 1);
    database.add(product.id, 1, None).await;
    let now = inventory_store::clock();
    assert_eq!(spread(database, &[&one, &two], now).await, 2);

    assert_eq!(due_to(store, now).await, [one.id, two.id]);
    let (mine, other) = (Uuid::now_v7(), Uuid::now_v7());
    let lease = now.plus_seconds(60);
    let (receiver, due) = notifications::claim(store, one.id, mine, now, lease, 10)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((receiver.id, due.len()), (one.id, 2));
    assert!(due[0].body.as_ref().unwrap().contains("A-1"));
    assert!(
        notifications::claim(store, one.id, other, now, lease, 10)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(due_to(store, now).await, [two.id]);

    let later = now.plus_seconds(5);
    let results = [
        tried(due[0].id, 1, now, Outcome::Later(later)),
        tried(due[1].id, 1, now, Outcome::Delivered),
    ];
    // Whoever was taken for dead changes nothing.
    notifications::settle(store, one.id, other, &results, now)
        .await
        .unwrap();
    assert!(
        deliveries(database, &one)
            .await
            .iter()
            .all(|delivery| delivery.attempts.is_empty())
    );
    for _ in 0..2 {
        assert!(!notifications::settle(store, one.id, mine, &results, now).await.unwrap());
    }
    let [second, first] = <[Delivery; 2]>::try_from(deliveries(database, &one).await).unwrap();
    assert_eq!(
        (first.state, first.next_at, first.attempts.len()),
        (DeliveryState::Pending, Some(later), 1)
    );
    assert_eq!(
        (second.state, second.finished_at, second.attempts.len()),
        (DeliveryState::Delivered, Some(now), 1)
    );
    assert_eq!(
        notifications::next_due(store).await.unwrap(),
        Some(now),
        "those of the other"
    );

    // A lease that has run out: somebody else goes on.
    let after = lease.plus_seconds(1);
    notifications::claim(store, one.id, mine, later, lease, 10)
        .await
        .unwrap()
        .unwrap();
    let (_, due) = notifications::claim(store, one.id, other, after, after, 10)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((due.len(), due[0].attempts, due[0].tries), (1, 1, 1));

    // An event stays while it is on its way, then it goes; the delivery cannot be sent again.
    let sent = "UPDATE deliveries SET state = 'sent'";
    store.execute_raw(sent).await.unwrap();
    outbox::prune(store, after.plus_minutes(1), 100).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 2);
    store
        .execute_raw("UPDATE notifications SET state = 'delivered', finished_at = 1 WHERE receiver_id > 0")
        .await
        .unwrap();
    outbox::prune(store, after.plus_minutes(1), 100).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 0);
    let mut tx = database.begin();
    assert!(matches!(
        notifications::redeliver(&mut tx, RESOURCE, first.id, "webhooks_redeliver").await,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::EventGone,
            ..
        }))
    ));
    drop(tx);
    assert_eq!(notifications::prune(store, now, 100).await.unwrap(), 4);
    assert_eq!(database.number("SELECT COUNT(*) FROM notification_attempts").await, 0);
}

pub async fn who_does_not_want_to_be_told_is_switched_off_with_its_records(database: &Database) {
    let store = &database.store;
    let gone = receiver(database, "gone", &["inventory.product."]).await.unwrap();
    database.product("A-1", 0).await;
    database.product("A-2", 0).await;
    let now = inventory_store::clock();
    spread(database, &[&gone], now).await;
    let owner = Uuid::now_v7();
    let (_, due) = notifications::claim(store, gone.id, owner, now, now, 1)
        .await
        .unwrap()
        .unwrap();
    let results = [tried(due[0].id, 1, now, Outcome::Gone)];
    assert!(
        notifications::settle(store, gone.id, owner, &results, now)
            .await
            .unwrap()
    );
    let after = receivers::get(store, RESOURCE, gone.id).await.unwrap();
    assert_eq!(
        (after.enabled, after.disabled_reason),
        (false, Some(DisabledReason::Gone))
    );
    let states: Vec<_> = deliveries(database, &gone).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Failed; 2], "what was on its way, too");
    for (table, column) in [("outbox", "type"), ("audit", "action")] {
        let told = format!("SELECT COUNT(*) FROM {table} WHERE {column} = 'inventory.webhook.disabled'");
        assert_eq!(database.number(&told).await, 1, "{table}");
    }
    assert!(due_to(store, now.plus_minutes(1)).await.is_empty());
    let mut tx = database.begin();
    assert!(matches!(
        notifications::redeliver(&mut tx, RESOURCE, due[0].id, "webhooks_redeliver").await,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::ReceiverDisabled,
            ..
        }))
    ));
    drop(tx);
    let mut tx = database.begin();
    let locked = receivers::lock(&mut tx, RESOURCE, gone.id, Some(after.version))
        .await
        .unwrap();
    receivers::delete(&mut tx, &locked, "webhooks_delete", &"gone")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for table in ["receivers", "notifications", "notification_attempts", "subscriptions"] {
        assert_eq!(
            database.number(&format!("SELECT COUNT(*) FROM {table}")).await,
            0,
            "{table}"
        );
    }
    // Settled by who has not heard of it: nothing is left to do.
    assert!(
        !notifications::settle(store, gone.id, owner, &results, now)
            .await
            .unwrap()
    );
}

pub async fn many_deliver_different_ones_at_once(database: &Database) {
    let store = &database.store;
    let busy = receiver(database, "busy", &["inventory.product."]).await.unwrap();
    for number in 0..40 {
        database.product(&format!("A-{number}"), 0).await;
    }
    let now = inventory_store::clock();
    assert_eq!(spread(database, &[&busy], now).await, 40);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, id) = (store.clone(), busy.id);
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let owner = Uuid::now_v7();
                let lease = now.plus_seconds(60);
                let Some((_, due)) = notifications::claim(&store, id, owner, now, lease, 3).await.unwrap() else {
                    return mine;
                };
                let results: Vec<_> = due
                    .iter()
                    .map(|due| tried(due.id, 1, now, Outcome::Delivered))
                    .collect();
                notifications::settle(&store, id, owner, &results, now).await.unwrap();
                mine.extend(due.iter().map(|due| due.id));
            }
        });
    }
    let mut all: Vec<i64> = tasks.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 40);
    assert_eq!(
        database.number("SELECT COUNT(*) FROM notification_attempts").await,
        40,
        "each was tried once"
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM notifications WHERE state = 'delivered' AND attempts = 1")
            .await,
        40
    );
}

pub async fn there_are_not_more_receivers_than_there_may_be(database: &Database) {
    let insert = format!(
        "INSERT INTO receivers (resource, kind, name, details, seal, created_at, updated_at)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT 'channels', 'webhook', 'n' || i, '{{}}', (SELECT event_id FROM outbox LIMIT 1), 1, 1 FROM n",
        limits::RECEIVERS_MAX
    );
    database.product("A-1", 0).await;
    database.store.execute_raw(&insert).await.unwrap();
    assert!(matches!(
        receiver(database, "one more", &[""]).await,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::ReceiverLimit,
            ..
        }))
    ));
    assert_eq!(receivers::count(&database.store, RESOURCE).await.unwrap(), 0);
}
