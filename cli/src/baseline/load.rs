//! The load: small, so that it disturbs nobody.

use super::{Baseline, Figures, throwaway::Throwaway};
use crate::{
    failure::Failure,
    service::{Answer, Facts, NoAnswer, Service},
};
use hdrhistogram::Histogram;
use inventory_app::clock;
use reqwest::StatusCode;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use tokio::{sync::Mutex, task::JoinSet};

/// What is read, and by which name.
const READS: [(&str, &str); 4] = [
    ("live", "/live"),
    ("products_list", "/api/v1/products?limit=20"),
    ("inventory_list", "/api/v1/inventory?limit=20"),
    ("inventory_low_stock", "/api/v1/inventory/low-stock?limit=20"),
];
const ORDERS: &str = "orders_create";
/// Times are kept up to this, in microseconds, with three digits. A request is given up earlier.
const LATENCY_MAX_MICROS: u64 = 120_000_000;

/// Measures reads and, where wanted, orders on a product that is gone afterwards.
pub(crate) async fn measure(
    service: &Service,
    facts: Facts,
    requests: u32,
    connections: u32,
    orders: bool,
) -> Result<Baseline, Failure> {
    let mut operations = BTreeMap::new();
    for (name, path) in READS {
        let shot = move |service: Service, _: u32| async move { service.get(path).await };
        // Connections, caches and plans are there after the first ones, in which nobody is interested.
        fire(service, connections, connections, StatusCode::OK, shot).await?;
        let figures = fire(service, requests, connections, StatusCode::OK, shot).await?;
        operations.insert(name.to_owned(), figures);
    }
    if orders {
        operations.insert(ORDERS.to_owned(), order(service, requests, connections).await?);
    }
    Ok(Baseline {
        version: facts.version,
        environment: facts.environment,
        recorded_at: clock(),
        requests,
        connections,
        orders,
        operations,
    })
}

async fn order(service: &Service, requests: u32, connections: u32) -> Result<Figures, Failure> {
    let product = Throwaway::create(service, "BASELINE", i64::from(requests)).await?;
    let placed = Arc::new(Mutex::new(Vec::new()));
    let order = json!({
        "customer": "baseline-test",
        "lines": [{ "product_id": product.id, "quantity": 1 }],
    });
    let shot = |service: Service, number: u32| {
        let (placed, order) = (Arc::clone(&placed), order.clone());
        let key = format!("{}-{number}", product.name);
        async move {
            let answer = service.post("/api/v1/orders", &key, &order).await?;
            if let Some(id) = answer.body["id"].as_str() {
                placed.lock().await.push(id.to_owned());
            }
            Ok(answer)
        }
    };
    let figures = fire(service, requests, connections, StatusCode::ACCEPTED, shot).await;
    let placed = std::mem::take(&mut *placed.lock().await);
    // Taken away whatever came of it.
    product.remove(service, &placed).await?;
    figures
}

/// Sends so many requests, so many at once, each when the one before on its connection is answered.
async fn fire<S, F>(
    service: &Service,
    requests: u32,
    connections: u32,
    status: StatusCode,
    shot: S,
) -> Result<Figures, Failure>
where
    S: Fn(Service, u32) -> F,
    F: Future<Output = Result<Answer, NoAnswer>> + Send + 'static,
{
    let histogram = Histogram::<u64>::new_with_bounds(1, LATENCY_MAX_MICROS, 3);
    let mut times = histogram.map_err(|error| Failure::Internal(error.to_string()))?;
    let (mut failed, mut next) = (0, 0);
    let mut running = JoinSet::new();
    let started = Instant::now();
    loop {
        while running.len() < connections as usize && next < requests {
            running.spawn(shot(service.clone(), next));
            next += 1;
        }
        match running.join_next().await {
            None => break,
            Some(Ok(Ok(answer))) if answer.status == status => {
                times.saturating_record(answer.took.as_micros() as u64);
            }
            Some(_) => failed += 1,
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Figures {
        requests: u64::from(requests),
        failed,
        per_second: f64::from(requests) / elapsed.max(1e-9),
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
    })
}
