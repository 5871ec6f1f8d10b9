//! A product with stock that is there for a measurement only.

use crate::{
    failure::Failure,
    service::{Answer, NoAnswer, Service, retry},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// How long something is tried again while the service is busy or away.
const STEP_MAX: Duration = Duration::from_secs(30);
/// Units that one request may add.
const UNITS_MAX: i64 = 10_000;

pub(super) struct Throwaway {
    pub(super) id: i64,
    /// No other has it.
    pub(super) name: String,
    item: i64,
    units: i64,
}

impl Throwaway {
    /// Raises no alert: it is never reordered.
    pub(super) async fn create(service: &Service, prefix: &str, units: i64) -> Result<Self, Failure> {
        let units = units.min(UNITS_MAX);
        let name = format!("{prefix}-{}", uuid::Uuid::now_v7().simple());
        let new = json!({ "sku": name, "name": "Measurement", "category": "baseline-test", "unit_price_minor": 1 });
        let product = post(
            service,
            "/api/v1/products",
            &format!("{name}-product"),
            &new,
            StatusCode::CREATED,
        )
        .await?;
        let id = id(&product)?;
        let path = format!("/api/v1/products/{id}");
        let never = json!({ "status": "discontinued" });
        must(tried(async || service.patch(&path, &never).await).await, StatusCode::OK)?;
        let add = json!({ "product_id": id, "quantity": units });
        let item = post(
            service,
            "/api/v1/inventory",
            &format!("{name}-stock"),
            &add,
            StatusCode::CREATED,
        )
        .await;
        let item = match item.and_then(|item| self::id(&item)) {
            Ok(item) => item,
            Err(failure) => {
                drop(tried(async || service.delete(&path).await).await);
                return Err(failure);
            }
        };
        Ok(Self { id, name, item, units })
    }

    /// Calls its orders off, takes its stock out, and archives it.
    pub(super) async fn remove(self, service: &Service, orders: &[String]) -> Result<(), Failure> {
        let Self { id, name, item, units } = self;
        for order in orders {
            let path = format!("/api/v1/orders/{order}/cancel");
            let answer = tried(async || service.post(&path, &format!("{name}-{order}"), &json!({})).await).await;
            // Rejected ones have nothing to call off.
            if !matches!(&answer, Ok(answer) if answer.status == StatusCode::CONFLICT) {
                must(answer, StatusCode::OK)?;
            }
        }
        let path = format!("/api/v1/inventory/{item}/adjust");
        let take = json!({ "delta": -units, "reason": "correction", "note": "baseline test" });
        post(service, &path, &format!("{name}-out"), &take, StatusCode::OK).await?;
        let path = format!("/api/v1/products/{id}");
        must(tried(async || service.delete(&path).await).await, StatusCode::OK).map(drop)
    }
}

fn id(body: &Value) -> Result<i64, Failure> {
    body["id"]
        .as_i64()
        .ok_or_else(|| Failure::Refused("the service's answer has no id".to_owned()))
}

async fn post(service: &Service, path: &str, key: &str, body: &Value, status: StatusCode) -> Result<Value, Failure> {
    must(tried(async || service.post(path, key, body).await).await, status)
}

async fn tried(attempt: impl AsyncFnMut() -> Result<Answer, NoAnswer>) -> Result<Answer, NoAnswer> {
    retry(STEP_MAX, attempt, Answer::is_final).await.0
}

fn must(answer: Result<Answer, NoAnswer>, status: StatusCode) -> Result<Value, Failure> {
    match answer {
        Ok(answer) if answer.status == status => Ok(answer.body),
        Ok(answer) => Err(Failure::Refused(format!("the service refuses: {}", answer.problem()))),
        Err(why) => Err(Failure::Unavailable(why)),
    }
}
