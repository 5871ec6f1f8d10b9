//! Secrets that change while the program runs: a Key Vault on a TLS server, a real PostgreSQL whose passwords change.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod support;

use inventory_app::{
    identity::{self, Credentials, SignIn},
    secrets::ExposeSecret as _,
};
use inventory_domain::{
    Role,
    account::{AccountKind, NewClient},
};
use inventory_tests::{
    credential::TestCredential,
    postgres,
    tls::Authority,
    vault::{Fault, TestVault},
};
use std::time::Duration;
use support::{Load, Rig, RoleDatabase, begin, eventually, reply};

/// Never within a test: what happens is not because time has passed.
const NEVER: Duration = Duration::from_hours(24);
const SOON: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_in_the_database_first_fails_no_request() {
    let database = RoleDatabase::on(postgres::database(), "one");
    let vault = TestVault::started("token");
    vault.put("database-password", "one");
    let rig = Rig::started(&vault, &[("DATABASE_URL", &database.url)], NEVER).await;
    let mut load = Load::on(&rig.app).await;
    load.add(2);
    load.each_does_more().await;
    database.change_password("two");
    let before = database.backends();
    // More at once need more connections, which the database refuses: the vault is asked.
    let asked = vault.asked_again("database-password");
    load.add(10);
    asked.await;
    vault.put("database-password", "two");
    load.each_does_more().await;
    // What was connected with the old password is replaced, one by one.
    eventually(async || database.backends().iter().all(|pid| !before.contains(pid))).await;
    load.each_does_more().await;
    load.stop_without_a_failure().await;
    assert!(rig.app.check().await.ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_in_the_vault_first_fails_no_request() {
    let database = RoleDatabase::on(postgres::database(), "one");
    let vault = TestVault::started("token");
    vault.put("database-password", "one");
    let rig = Rig::started(&vault, &[("DATABASE_URL", &database.url)], SOON).await;
    let mut load = Load::on(&rig.app).await;
    load.add(4);
    load.each_does_more().await;
    vault.put("database-password", "two");
    eventually(async || {
        let readiness = rig.app.check().await;
        let detail = readiness.checks.key_vault.and_then(|check| check.detail);
        assert!(readiness.ready, "the old password still works");
        detail.is_some_and(|detail| detail == "the database refuses our user or password")
    })
    .await;
    load.each_does_more().await;
    let before = database.backends();
    database.change_password("two");
    load.add(4);
    eventually(async || rig.app.check().await.checks.key_vault.unwrap().ok).await;
    eventually(async || database.backends().iter().all(|pid| !before.contains(pid))).await;
    load.each_does_more().await;
    load.stop_without_a_failure().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_network_at_start_it_says_why_and_recovers_by_itself() {
    let database = RoleDatabase::on(postgres::database(), "one");
    let mut vault = TestVault::new("token");
    vault.put("database-url", &database.url_with_password("one"));
    let rig = Rig::new(&vault, &[], NEVER);
    tokio::join!(rig.app.start(), async {
        eventually(async || {
            let readiness = rig.app.check().await;
            assert!(!readiness.ready && readiness.status == "unavailable");
            let detail = readiness.checks.key_vault.unwrap().detail.unwrap();
            detail.contains("Key Vault cannot be reached")
        })
        .await;
        vault.outage(Some(Fault::Status(429, Some(1))));
        vault.start();
        eventually(async || {
            let detail = rig.app.check().await.checks.key_vault.unwrap().detail.unwrap();
            detail == "Key Vault is busy (429)"
        })
        .await;
        vault.outage(None);
    });
    let readiness = rig.app.check().await;
    assert!(readiness.ready && readiness.checks.key_vault.unwrap().ok);
    // Later it may be away: what it said last is kept.
    vault.outage(Some(Fault::Status(500, None)));
    rig.app.secrets().refresh().await;
    let readiness = rig.app.check().await;
    assert!(readiness.ready && !readiness.checks.key_vault.unwrap().ok);
    let mut load = Load::on(&rig.app).await;
    load.add(2);
    load.each_does_more().await;
    load.stop_without_a_failure().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_keys_are_good_while_one_is_rotated_and_the_vault_wins_over_the_settings() {
    let (one, two) = ("1".repeat(32), "2".repeat(32));
    let vault = TestVault::started("token");
    vault.put("jwt-keys", &one);
    let settings = [
        ("JWT_KEYS", "of-the-settings-and-32-bytes-long"),
        ("REDIS_URL", "redis://of-the-settings"),
    ];
    let rig = Rig::started(&vault, &settings, NEVER).await;
    let mut keys = rig.app.secrets().jwt_keys();
    let texts = |keys: &inventory_app::secrets::JwtKeys| -> Vec<String> {
        keys.iter().map(|key| key.expose_secret().to_owned()).collect()
    };
    assert_eq!(texts(&keys.borrow_and_update()).concat(), one);
    let redis = rig.app.secrets().redis_url();
    assert_eq!(
        redis.borrow().as_ref().unwrap().expose_secret(),
        "redis://of-the-settings"
    );
    vault.put("jwt-keys", &two);
    rig.app.secrets().refresh().await;
    assert!(keys.has_changed().unwrap());
    assert_eq!(texts(&keys.borrow_and_update()), [two, one]);
    // Whoever sends tokens with unknown keys does not make us ask for each.
    let asked = vault.requests().borrow().len();
    for _ in 0..100 {
        rig.app.secrets().refresh().await;
    }
    assert_eq!(vault.requests().borrow().len(), asked);
    assert!(!redis.has_changed().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_key_that_came_after_the_start_is_accepted() {
    let database = postgres::database();
    let vault = TestVault::started("token");
    vault.put("jwt-keys", &"1".repeat(32));
    let settings = [("DATABASE_URL", database.url.as_str())];
    let one = Rig::started(&vault, &settings, NEVER).await;
    let new = NewClient {
        name: "shop".to_owned(),
        role: Role::Clerk,
    };
    let mut work = begin(&one.app).await.unwrap();
    let (_, secret) = identity::accounts::create_client(&mut work, &new).await.unwrap();
    work.commit(reply()).await.unwrap();

    // Another instance starts when the key is rotated already, and gives a token that `one` has no key for yet.
    vault.put("jwt-keys", &"2".repeat(32));
    let two = Rig::started(&vault, &settings, NEVER).await;
    let who = SignIn {
        kind: AccountKind::Client,
        name: new.name.clone(),
        secret,
        address: None,
    };
    let signed_in = identity::sign_in(&two.app, who).await.unwrap();
    let token = identity::issue(&two.app, &signed_in, None).unwrap().access_token;
    let before = vault.requests().borrow().len();
    let known = one
        .app
        .identity()
        .authenticate(&one.app, Credentials::Bearer(&token))
        .await;
    assert_eq!(known.unwrap().role(), Role::Clerk);
    assert!(vault.requests().borrow().len() > before, "the vault was asked");
    // The key is known from then on.
    let asked = vault.requests().borrow().len();
    let known = one
        .app
        .identity()
        .authenticate(&one.app, Credentials::Bearer(&token))
        .await;
    assert!(known.is_ok());
    assert_eq!(vault.requests().borrow().len(), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_used_changes_nothing_and_is_not_shown() {
    let vault = TestVault::started("token");
    vault.put("jwt-keys", &"1".repeat(32));
    let rig = Rig::started(&vault, &[], SOON).await;
    let keys = rig.app.secrets().jwt_keys();
    for (name, value, what) in [
        (
            "jwt-keys",
            "hunter2",
            "the secret jwt-keys holds a key of less than 32 bytes",
        ),
        (
            "redis-url",
            "http://hunter2",
            "the secret redis-url must start with redis:// or rediss://",
        ),
        (
            "database-url",
            "hunter2",
            "the database's URL names another engine than the one in use",
        ),
    ] {
        vault.put(name, value);
        eventually(async || {
            let readiness = rig.app.check().await;
            assert!(readiness.ready);
            readiness.checks.key_vault.unwrap().detail.is_some_and(|detail| {
                assert!(!detail.contains("hunter2"), "{detail}");
                detail == what
            })
        })
        .await;
        if name == "jwt-keys" {
            // It is not in the way of the version that puts it right.
            vault.put(name, &"1".repeat(32));
        } else {
            vault.remove(name);
        }
    }
    eventually(async || rig.app.check().await.checks.key_vault.unwrap().ok).await;
    assert_eq!(keys.borrow().len(), 1);
    assert!(!keys.has_changed().unwrap());
    let shown = format!("{:?} {:?} {:?}", rig.app, rig.app.secrets(), rig.app.settings());
    assert!(!shown.contains("1111"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_take_the_place_of_a_password_over_proved_tls() {
    let server = postgres::Cluster::start().unwrap();
    let authority = Authority::new();
    support::serve_tls(&server, &authority.issue("127.0.0.1"));
    let database = RoleDatabase::on(
        postgres::TestDatabase::create(&server.url("postgres")).unwrap(),
        "token-one",
    );
    let roots = support::file("roots.pem", &authority.certificate());
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", database.url, roots.display());
    let credential = std::sync::Arc::new(TestCredential::default());
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_AUTHENTICATION", "entra")];
    let rig = Rig::with(&settings, credential.clone());
    tokio::join!(rig.app.start(), async {
        eventually(async || {
            let detail = rig.app.check().await.checks.database.detail.unwrap_or_default();
            detail.contains("nobody is logged in")
        })
        .await;
        credential.set("token-one", Duration::from_hours(1));
    });
    assert!(
        credential
            .scopes()
            .iter()
            .all(|scope| scope == "https://ossrdbms-aad.database.windows.net/.default")
    );
    let mut load = Load::on(&rig.app).await;
    load.add(2);
    load.each_does_more().await;
    let plain =
        "SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = current_user AND NOT ssl";
    assert_eq!(rig.app.store().number_raw(plain).await.unwrap(), 0);
    // The token is over, and the next one is there: who connects is refused once and goes on.
    credential.set("token-two", Duration::from_hours(1));
    database.change_password("token-two");
    load.add(10);
    load.each_does_more().await;
    load.stop_without_a_failure().await;
    assert!(rig.app.check().await.ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_prove_who_it_is_gets_no_token() {
    let server = postgres::Cluster::start().unwrap();
    support::serve_tls(&server, &Authority::new().issue("127.0.0.1"));
    let database = RoleDatabase::on(
        postgres::TestDatabase::create(&server.url("postgres")).unwrap(),
        "token",
    );
    let roots = support::file("other-roots.pem", &Authority::new().certificate());
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", database.url, roots.display());
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_AUTHENTICATION", "entra")];
    let rig = Rig::with(&settings, std::sync::Arc::new(TestCredential::with("token")));
    tokio::select! {
        () = rig.app.start() => panic!("it is ready without a database"),
        () = eventually(async || {
        rig.app
            .check()
            .await
            .checks
            .database
            .detail
            .is_some_and(|detail| detail.contains("certificate"))
    })
     => {}
    }
    assert!(database.backends().is_empty());
}
