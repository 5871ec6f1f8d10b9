//! Limits that instances share, with a real Redis that goes and comes.
#![allow(clippy::unwrap_used)]

use inventory_app::{App, Settings};
use inventory_tests::redis::Redis;
use std::{collections::BTreeMap, time::Duration};

const REQUESTS: u32 = 100;
/// How long Redis may take to be found again.
const PATIENCE: Duration = Duration::from_secs(30);

/// An instance of the program that limits requests; it never opens its database.
fn instance(redis: &Redis) -> App {
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
        ("REDIS_URL", &redis.url()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    App::build(Settings::from_values(&values).unwrap()).unwrap()
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
