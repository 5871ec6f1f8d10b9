//! Limits that instances share, with a real Redis that goes and comes.
#![allow(clippy::unwrap_used)]

use inventory_app::{App, Azure, Settings};
use inventory_azure::KeyVaultOptions;
use inventory_tests::{credential::TestCredential, redis::Redis};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const REQUESTS: u32 = 100;
/// How long Redis may take to be found again.
const PATIENCE: Duration = Duration::from_secs(30);

/// An instance of the program that limits requests; it never opens its database.
fn instance(redis: &Redis) -> App {
    App::build(settings(&[("REDIS_URL", &redis.url())])).unwrap()
}

fn settings(further: &[(&str, &str)]) -> Settings {
    let values: BTreeMap<String, String> = [
        ("DATABASE_URL", "sqlite:/nowhere/at/all.db"),
        ("ENVIRONMENT", "local"),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
        (
            "ServiceBusConnection",
            "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
        ),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REQUESTS", "100"),
        ("RATE_LIMIT_WINDOW", "86400"),
        // Long enough for a machine that is busy with other tests.
        ("REDIS_TIMEOUT_MILLISECONDS", "1000"),
    ]
    .iter()
    .chain(further)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    Settings::from_values(&values).unwrap()
}

/// Asks until Redis counts: connecting is begun by a request, and none waits for it.
async fn shared(app: &App) {
    let limiter = app.rate_limiter().unwrap();
    let connected = async {
        while limiter.is_shared() != Some(true) {
            limiter.take("somebody else").await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.unwrap();
}

async fn allowed(apps: &[&App], client: &str, requests: u32) -> u32 {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..requests {
        let (app, client) = (apps[number as usize % apps.len()].clone(), client.to_owned());
        tasks.spawn(async move { app.rate_limiter().unwrap().take(&client).await.is_allowed });
    }
    tasks.join_all().await.into_iter().map(u32::from).sum()
}

#[tokio::test]
async fn instances_share_a_limit_and_redis_may_go_and_come() {
    let mut redis = Redis::start().await;
    let (one, two) = (instance(&redis), instance(&redis));
    shared(&one).await;
    shared(&two).await;
    assert_eq!(allowed(&[&one, &two], "both", 3 * REQUESTS).await, REQUESTS);

    redis.kill();
    // Nobody is refused because Redis is away: each instance counts for itself.
    assert_eq!(allowed(&[&one], "one", 3 * REQUESTS).await, REQUESTS);
    assert_eq!(allowed(&[&two], "one", 3 * REQUESTS).await, REQUESTS);
    assert_eq!(one.rate_limiter().unwrap().is_shared(), Some(false));

    redis.restart().await;
    shared(&one).await;
    shared(&two).await;
    assert_eq!(allowed(&[&one, &two], "later", 3 * REQUESTS).await, REQUESTS);
}

#[tokio::test]
async fn a_token_opens_redis_and_the_next_one_after_it() {
    let redis = Redis::start().await;
    let mut connection = redis::Client::open(redis.url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let mut administer = async |command: &[&str]| {
        let mut command_line = redis::cmd(command[0]);
        for argument in &command[1..] {
            command_line.arg(argument);
        }
        command_line.query_async::<redis::Value>(&mut connection).await.unwrap();
    };
    administer(&["ACL", "SETUSER", "our-id", "on", ">token-1", "~*", "+@all"]).await;
    // Nobody gets in without a name any more; who is in stays.
    administer(&["ACL", "SETUSER", "default", "off"]).await;

    // So short that the next one is asked for every second.
    let credential = Arc::new(TestCredential::default());
    credential.set("token-1", Duration::from_mins(4));
    let azure = Azure {
        credential: credential.clone(),
        key_vault: KeyVaultOptions::default(),
    };
    let address = redis.url().replace("redis://", "redis://our-id@");
    let settings = settings(&[("REDIS_URL", &address), ("REDIS_AUTHENTICATION", "entra")]);
    let app = App::build_with(settings, azure).unwrap();
    let used = async {
        shared(&app).await;
        assert_eq!(allowed(&[&app], "with a token", 3 * REQUESTS).await, REQUESTS);
        assert_eq!(credential.scopes()[0], "https://redis.azure.com/.default");

        // What the service does with a token that has expired: it is good no longer, and its connections are closed.
        administer(&["ACL", "SETUSER", "our-id", "resetpass", ">token-2"]).await;
        credential.set("token-2", Duration::from_mins(4));
        administer(&["CLIENT", "KILL", "USER", "our-id"]).await;
        let limiter = app.rate_limiter().unwrap();
        let lost = async {
            while limiter.is_shared() == Some(true) {
                limiter.take("somebody else").await;
            }
        };
        tokio::time::timeout(PATIENCE, lost).await.unwrap();
        shared(&app).await;
        assert_eq!(allowed(&[&app], "with the next token", 3 * REQUESTS).await, REQUESTS);
    };
    // It brings the tokens, and waits for a database that never comes.
    tokio::select! {
        () = app.start() => panic!("there is no database"),
        () = used => {}
    }
}
