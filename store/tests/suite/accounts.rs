use super::Database;
use inventory_domain::{
    Conflict, Refusal, Role, Timestamp,
    account::{Account, AccountChanges, AccountKind, NewApiKey},
};
use inventory_store::{
    Page, StoreError, Tx,
    accounts::{self, RevokedToken, StoredSecret},
    api_keys, sign_in,
};
use uuid::Uuid;

fn secret(hint: &str) -> StoredSecret {
    StoredSecret {
        hint: hint.to_owned(),
        hash: format!("hash of {hint}"),
    }
}

async fn create(tx: &mut Tx, kind: AccountKind, role: Role, hint: &str) -> Result<Account, StoreError> {
    accounts::create(tx, kind, "shop", role, &secret(hint)).await
}

async fn good(database: &Database, hint: &str, now: Timestamp) -> bool {
    let found = accounts::credentials(&database.store, AccountKind::Client, "shop", hint, now);
    found.await.unwrap().unwrap().hash.is_some()
}

pub async fn accounts_live(database: &Database) {
    let store = &database.store;
    let mut tx = database.begin();
    let client = create(&mut tx, AccountKind::Client, Role::Clerk, "a").await.unwrap();
    // A user of the same name is somebody else.
    let user = create(&mut tx, AccountKind::User, Role::Viewer, "").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.begin();
    let again = create(&mut tx, AccountKind::Client, Role::Admin, "b").await;
    assert!(matches!(
        again,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::AccountNameTaken,
            ..
        }))
    ));
    drop(tx);
    assert_eq!(
        accounts::list(store, AccountKind::Client, Page::default())
            .await
            .unwrap(),
        std::slice::from_ref(&client)
    );
    assert_eq!(accounts::count(store, AccountKind::User).await.unwrap(), 1);
    assert_eq!(accounts::get(store, AccountKind::User, user.id).await.unwrap(), user);
    assert!(accounts::get(store, AccountKind::User, client.id).await.is_err());

    let now = inventory_store::clock();
    let state = accounts::token_state(store, client.id, now).await.unwrap().unwrap();
    assert_eq!((state.role, state.enabled, state.generation), (Role::Clerk, true, 1));
    let changes = AccountChanges {
        role: Some(Role::Manager),
        enabled: Some(false),
        revoke_tokens: true,
        ..AccountChanges::default()
    };
    let mut tx = database.begin();
    let wrong = accounts::update(&mut tx, AccountKind::Client, client.id, Some(7), &changes, None).await;
    assert!(matches!(
        wrong,
        Err(StoreError::Refused(Refusal::VersionMismatch { current: 1 }))
    ));
    let changed = accounts::update(&mut tx, AccountKind::Client, client.id, Some(1), &changes, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        (changed.role, changed.enabled, changed.version),
        (Role::Manager, false, 2)
    );
    let state = accounts::token_state(store, client.id, now).await.unwrap().unwrap();
    assert_eq!((state.role, state.enabled, state.generation), (Role::Manager, false, 2));

    // One token is void, twice over; when it has expired nobody need know.
    let token = RevokedToken {
        token_id: Uuid::now_v7(),
        account_id: client.id,
        expires_at: now.plus_seconds(60),
    };
    for _ in 0..2 {
        let mut tx = database.begin();
        accounts::revoke(&mut tx, token).await.unwrap();
        tx.commit().await.unwrap();
    }
    let state = accounts::token_state(store, client.id, now).await.unwrap().unwrap();
    assert_eq!(state.revoked, [token.token_id]);
    let later = now.plus_seconds(60);
    assert!(
        accounts::token_state(store, client.id, later)
            .await
            .unwrap()
            .unwrap()
            .revoked
            .is_empty()
    );
    assert_eq!(accounts::prune(store, later).await.unwrap(), 1);

    let mut tx = database.begin();
    accounts::delete(&mut tx, AccountKind::Client, client.id, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(accounts::token_state(store, client.id, now).await.unwrap().is_none());
    assert_eq!(database.number("SELECT COUNT(*) FROM account_secrets").await, 1);
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE action LIKE 'clients_%'")
            .await,
        3
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE action = 'token_revoke'")
            .await,
        1
    );
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM audit WHERE after LIKE '%hash of%'")
            .await,
        0
    );
}

pub async fn a_client_has_two_secrets_while_it_rotates(database: &Database) {
    let mut tx = database.begin();
    let id = create(&mut tx, AccountKind::Client, Role::Clerk, "a").await.unwrap().id;
    tx.commit().await.unwrap();
    let now = inventory_store::clock();
    let rotate = async |hint: &str, until: Option<Timestamp>| {
        let mut tx = database.begin();
        accounts::rotate(&mut tx, id, None, &secret(hint), until).await.unwrap();
        tx.commit().await.unwrap();
    };
    rotate("b", Some(now.plus_seconds(60))).await;
    assert!(good(database, "a", now).await && good(database, "b", now).await);
    let later = now.plus_seconds(60);
    assert!(!good(database, "a", later).await && good(database, "b", later).await);
    // Two are the most: with a third the first goes.
    rotate("c", Some(now.plus_seconds(120))).await;
    assert!(!good(database, "a", now).await && good(database, "b", now).await && good(database, "c", now).await);
    assert_eq!(
        accounts::token_state(&database.store, id, now)
            .await
            .unwrap()
            .unwrap()
            .generation,
        1
    );
    rotate("d", None).await;
    assert!(!good(database, "b", now).await && !good(database, "c", now).await && good(database, "d", now).await);
    assert_eq!(
        accounts::token_state(&database.store, id, now)
            .await
            .unwrap()
            .unwrap()
            .generation,
        2
    );
}

pub async fn api_keys_live(database: &Database) {
    let new = NewApiKey {
        name: "scanner".to_owned(),
        role: Role::Clerk,
        expires_in_days: 1,
    };
    let store = &database.store;
    let mut tx = database.begin();
    let key = api_keys::create(&mut tx, &new, "abc", "hash").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(key.created_by, "tester");
    let found = api_keys::with_prefix(store, "abc").await.unwrap().unwrap();
    assert_eq!((&found.key, found.hash.as_str()), (&key, "hash"));
    assert!(key.is_good(key.created_at) && !key.is_good(key.expires_at));
    let mut tx = database.begin();
    let again = api_keys::create(&mut tx, &new, "def", "hash").await;
    assert!(matches!(
        again,
        Err(StoreError::Refused(Refusal::Conflict {
            conflict: Conflict::ApiKeyNameTaken,
            ..
        }))
    ));
    drop(tx);

    let now = key.created_at;
    api_keys::used(store, key.id, now, now).await.unwrap();
    // Somebody has noted it: not again.
    api_keys::used(store, key.id, now.plus_seconds(5), now).await.unwrap();
    assert_eq!(api_keys::get(store, key.id).await.unwrap().last_used_at, Some(now));

    let mut tx = database.begin();
    let revoked = api_keys::revoke(&mut tx, key.id, Some(1)).await.unwrap();
    assert_eq!(api_keys::revoke(&mut tx, key.id, None).await.unwrap(), revoked);
    tx.commit().await.unwrap();
    assert!(!revoked.is_good(now));
    // Its name is free again.
    let mut tx = database.begin();
    api_keys::create(&mut tx, &new, "def", "hash").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(api_keys::count(store).await.unwrap(), 2);
    assert_eq!(api_keys::list(store, Page::default()).await.unwrap()[0].prefix, "def");
}

pub async fn failures_are_counted_and_forgotten(database: &Database) {
    let store = &database.store;
    let now = inventory_store::clock();
    let long_ago = now.plus_seconds(-3600);
    for second in 0..3 {
        let at = now.plus_seconds(second);
        sign_in::failed(store, &["a", "b"], at, long_ago).await.unwrap();
    }
    sign_in::failed(store, &["a"], now.plus_seconds(3), long_ago)
        .await
        .unwrap();
    let mut found = sign_in::failures(store, &["b", "a", "c"]).await.unwrap();
    found.sort_by(|a, b| a.subject.cmp(&b.subject));
    let counts: Vec<_> = found.iter().map(|one| (one.subject.as_str(), one.count)).collect();
    assert_eq!(counts, [("a", 4), ("b", 3)]);
    assert_eq!(found[0].last_at, now.plus_seconds(3));
    // The last one is long ago: it begins anew.
    sign_in::failed(store, &["b"], now.plus_seconds(9_000), now.plus_seconds(5_400))
        .await
        .unwrap();
    assert_eq!(sign_in::failures(store, &["b"]).await.unwrap()[0].count, 1);
    sign_in::succeeded(store, "a").await.unwrap();
    assert!(sign_in::failures(store, &["a"]).await.unwrap().is_empty());
    assert_eq!(sign_in::prune(store, now.plus_seconds(9_001)).await.unwrap(), 1);
}

pub async fn failures_at_once_are_all_counted(database: &Database) {
    let now = inventory_store::clock();
    let all = (0..40).map(|n| {
        let store = database.store.clone();
        tokio::spawn(async move {
            let subjects = if n % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
            sign_in::failed(&store, &subjects, now, now.plus_seconds(-60))
                .await
                .unwrap();
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let found = sign_in::failures(&database.store, &["a", "b"]).await.unwrap();
    assert!(found.len() == 2 && found.iter().all(|one| one.count == 40), "{found:?}");
}
