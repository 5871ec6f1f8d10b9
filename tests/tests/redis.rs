//! Limits that two instances share, while Redis goes and comes and requests go on.
#![allow(clippy::unwrap_used, missing_docs)]

use http::{Method, StatusCode};
use inventory_tests::{handler::Handler, redis::Redis, running::PATIENCE};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

const REQUESTS: usize = 100;

async fn instance(redis: &Redis) -> Arc<Handler> {
    let settings = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REQUESTS", "100"),
        ("RATE_LIMIT_WINDOW", "86400"),
        ("CLIENT_IP_HEADER", "Client-IP"),
        // Long enough for a machine that is busy with other tests.
        ("REDIS_TIMEOUT_MILLISECONDS", "1000"),
        ("REDIS_URL", &redis.url()),
    ];
    Arc::new(Handler::start(&settings).await)
}

/// A client that nobody was before.
fn somebody() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0x0a00_0000);
    std::net::Ipv4Addr::from_bits(NUMBER.fetch_add(1, Ordering::Relaxed)).to_string()
}

/// Asks for something as a client; gives the status and what it has left.
async fn ask(handler: &Handler, client: &str) -> (StatusCode, u64) {
    let headers = [("client-ip", client)];
    let answer = handler.http.send(Method::GET, "/api/v1/products", &headers, "").await;
    let left = answer.headers.get("ratelimit").and_then(|left| {
        let (_, left) = left.to_str().ok()?.split_once("r=")?;
        left.split(';').next()?.parse().ok()
    });
    (answer.status, left.unwrap())
}

/// Waits until both count together again.
async fn counted_together(one: &Handler, two: &Handler) {
    let together = async {
        loop {
            let client = somebody();
            let left = [ask(one, &client).await.1, ask(two, &client).await.1];
            if left == [99, 98] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, together).await.unwrap();
}

/// How many of so many requests of one client are allowed; the others are refused, and nothing else happens.
async fn allowed(handlers: &[&Arc<Handler>], requests: usize) -> usize {
    let client = somebody();
    let mut tasks = JoinSet::new();
    for number in 0..requests {
        let (handler, client) = (handlers[number % handlers.len()].clone(), client.clone());
        tasks.spawn(async move { ask(&handler, &client).await.0 });
    }
    let statuses = tasks.join_all().await;
    let count = |wanted: StatusCode| statuses.iter().filter(|status| **status == wanted).count();
    let allowed = count(StatusCode::OK);
    assert_eq!(allowed + count(StatusCode::TOO_MANY_REQUESTS), requests, "{statuses:?}");
    allowed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_go_and_come_while_requests_go_on() {
    let mut redis = Redis::start().await;
    let (one, two) = (instance(&redis).await, instance(&redis).await);
    // Clients that are within their limit are served, whatever happens to Redis.
    let is_over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for number in 0..8 {
        let (handler, is_over) = ([&one, &two][number % 2].clone(), is_over.clone());
        load.spawn(async move {
            let mut served = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(ask(&handler, &somebody()).await.0, StatusCode::OK);
                served += 1;
            }
            served
        });
    }
    counted_together(&one, &two).await;
    assert_eq!(allowed(&[&one, &two], 3 * REQUESTS).await, REQUESTS, "together");
    for round in 0..2 {
        redis.kill();
        for instance in [&one, &two] {
            assert_eq!(
                allowed(&[instance], 3 * REQUESTS).await,
                REQUESTS,
                "{round}: each for itself"
            );
        }
        redis.restart().await;
        counted_together(&one, &two).await;
        assert_eq!(
            allowed(&[&one, &two], 3 * REQUESTS).await,
            REQUESTS,
            "{round}: together again"
        );
    }
    is_over.store(true, Ordering::Relaxed);
    let served: Vec<i32> = load.join_all().await;
    assert!(served.iter().all(|served| *served > 0), "{served:?}");
}
