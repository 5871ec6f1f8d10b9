//! `inventory smoke`: the main flow on a product of its own, which is gone from the catalogue afterwards.

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::Smoke,
    failure::Failure,
    output::Output,
    progress,
    service::{Access, Answer, Check, Facts, NoAnswer, Report, Service, health, retry},
};
use inventory_domain::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// How long one step is tried again while the service is busy or away.
const STEP_MAX: Duration = Duration::from_secs(30);
/// Who orders: one reference for all runs, no person.
const CUSTOMER: &str = "smoke-test";
const RECEIVED: i64 = 10;
const ORDERED: i64 = 6;
/// More than what the order leaves: it is low then.
const REORDER_POINT: i64 = 5;

pub(crate) async fn run(arguments: &Smoke, environment: Option<&str>, output: Output) -> Result<u8, Failure> {
    let mut service = Service::new(&arguments.url)?;
    let access = Access::from_env()?;
    let wanted = Facts {
        version: None,
        environment: environment.map(str::to_owned),
    };
    let spinner = progress::spinner("placing an order");
    // Nothing is written before it is known to be the right service.
    let (health, facts) = health(&service, &wanted).await;
    let mut checks = vec![health];
    if checks[0].ok {
        match service.sign_in(&access).await {
            Ok(()) => checks.extend(Run::new(&service, arguments).done().await),
            Err(why) => checks.push(Check::failed("sign in", why)),
        }
    }
    spinner.finish_and_clear();
    let report = Report::new(&service, facts, checks);
    output.result(&report, || report.text())?;
    Ok(if report.ok { ALL_WELL } else { NEEDS_ATTENTION })
}

/// One run: what it has made so far, and what came of each step.
struct Run<'a> {
    service: &'a Service,
    decided_within: Duration,
    has_alert: bool,
    id: String,
    product: Option<i64>,
    item: Option<i64>,
    order: Option<String>,
    checks: Vec<Check>,
}

/// A step that did not do what it must: the ones after it have nothing to stand on.
struct Stopped;

impl<'a> Run<'a> {
    fn new(service: &'a Service, arguments: &Smoke) -> Self {
        Self {
            service,
            decided_within: Duration::from_secs(u64::from(arguments.within)),
            has_alert: !arguments.without_alert,
            id: uuid::Uuid::now_v7().simple().to_string(),
            product: None,
            item: None,
            order: None,
            checks: Vec::new(),
        }
    }

    async fn done(mut self) -> Vec<Check> {
        // However far it came: what was made is taken away again.
        let _ = self.flow().await;
        self.clean_up().await;
        self.checks
    }

    async fn flow(&mut self) -> Result<(), Stopped> {
        let reorder_point = if self.has_alert { REORDER_POINT } else { 0 };
        let new = json!({
            "sku": format!("SMOKE-{}", self.id),
            "name": "Smoke test",
            "category": "smoke-test",
            "unit_price_minor": 1,
            "reorder_point": reorder_point,
        });
        let product = self
            .post("product", "/api/v1/products", &new, StatusCode::CREATED)
            .await?;
        let product_id = self.kept("product", product["id"].as_i64())?;
        self.product = Some(product_id);

        let add = json!({ "product_id": product_id, "quantity": RECEIVED });
        let item = self
            .post("stock", "/api/v1/inventory", &add, StatusCode::CREATED)
            .await?;
        self.item = item["id"].as_i64();
        self.must_be("stock", item["quantity"] == RECEIVED, || {
            format!("quantity: {}", item["quantity"])
        })?;

        let order = json!({ "customer": CUSTOMER, "lines": [{ "product_id": product_id, "quantity": ORDERED }] });
        let order = self
            .post("order", "/api/v1/orders", &order, StatusCode::ACCEPTED)
            .await?;
        self.order = order["id"].as_str().map(str::to_owned);
        let id = self.kept("order", self.order.clone())?;
        self.decided(&id).await?;
        self.levels(product_id).await
    }

    /// The order is decided, and for it.
    async fn decided(&mut self, id: &str) -> Result<(), Stopped> {
        let path = format!("/api/v1/orders/{id}");
        let ask = async || self.service.get(&path).await;
        let is_decided = |answer: &Result<Answer, NoAnswer>| matches!(answer, Ok(answer) if answer.status == StatusCode::OK && answer.body["status"] != "pending");
        let (answer, _) = retry(self.decided_within, ask, is_decided).await;
        let order = self.judged("decided", answer, StatusCode::OK)?;
        let status = order["status"].as_str().unwrap_or("unknown").to_owned();
        self.must_be("decided", status == "confirmed", || format!("the order is {status}"))?;
        let moment = |member: &str| order[member].as_str().and_then(Timestamp::parse);
        if let (Some(placed), Some(decided), Some(last)) =
            (moment("created_at"), moment("decided_at"), self.checks.last_mut())
        {
            let took = (decided.micros() - placed.micros()) as f64 / 1e3;
            last.detail = format!("confirmed {took:.1} ms after it was placed");
            last.milliseconds = None;
        }
        Ok(())
    }

    /// The units are promised, and what is left is low.
    async fn levels(&mut self, product_id: i64) -> Result<(), Stopped> {
        let Some(item) = self.item else {
            return self.must_be("levels", false, || "the stock item has no id".to_owned());
        };
        let path = format!("/api/v1/inventory/{item}");
        let item = self.get("levels", &path).await?;
        let left = RECEIVED - ORDERED;
        let is_right = item["reserved"] == ORDERED && item["available"] == left;
        self.must_be("levels", is_right, || format!("available: {}", item["available"]))?;
        if self.has_alert {
            let path = format!("/api/v1/alerts?status=open&product_id={product_id}");
            let alerts = self.get("low stock", &path).await?;
            let severity = alerts[0]["severity"].as_str().unwrap_or("none").to_owned();
            self.must_be("low stock", severity == "low", || format!("open alert: {severity}"))?;
        }
        Ok(())
    }

    /// Takes everything away, last things first. Each step is for itself: one that fails keeps no other back.
    async fn clean_up(&mut self) {
        if let Some(id) = self.product {
            // Not reordered any more: taking the last units out wakes nobody.
            let path = format!("/api/v1/products/{id}");
            let body = json!({ "status": "discontinued" });
            let answer = self.tried(async || self.service.patch(&path, &body).await).await;
            let _ = self.judged("discontinue", answer, StatusCode::OK);
        }
        if let Some(id) = self.order.clone() {
            let path = format!("/api/v1/orders/{id}/cancel");
            let _ = self.post("cancel", &path, &json!({}), StatusCode::OK).await;
        }
        if let Some(id) = self.item {
            let path = format!("/api/v1/inventory/{id}/adjust");
            let take = json!({ "delta": -RECEIVED, "reason": "correction", "note": "smoke test" });
            let _ = self.post("take out", &path, &take, StatusCode::OK).await;
        }
        if let Some(id) = self.product {
            let path = format!("/api/v1/products/{id}");
            let answer = self.tried(async || self.service.delete(&path).await).await;
            if let Ok(product) = self.judged("archive", answer, StatusCode::OK) {
                let status = product["status"].as_str().unwrap_or("unknown").to_owned();
                let _ = self.must_be("archive", status == "archived", || format!("the product is {status}"));
            }
        }
    }

    async fn get(&mut self, name: &'static str, path: &str) -> Result<Value, Stopped> {
        let answer = self.tried(async || self.service.get(path).await).await;
        self.judged(name, answer, StatusCode::OK)
    }

    async fn post(
        &mut self,
        name: &'static str,
        path: &str,
        body: &Value,
        status: StatusCode,
    ) -> Result<Value, Stopped> {
        let key = format!("smoke-{}-{name}", self.id).replace(' ', "-");
        let answer = self.tried(async || self.service.post(path, &key, body).await).await;
        self.judged(name, answer, status)
    }

    /// Tried again while the service is busy or away: everything that is sent may be sent twice.
    async fn tried(&self, attempt: impl AsyncFnMut() -> Result<Answer, NoAnswer>) -> Result<Answer, NoAnswer> {
        retry(STEP_MAX, attempt, Answer::is_final).await.0
    }

    /// Notes the step; its body where it was answered as it must be.
    fn judged(
        &mut self,
        name: &'static str,
        answer: Result<Answer, NoAnswer>,
        status: StatusCode,
    ) -> Result<Value, Stopped> {
        let (check, body) = match answer {
            Err(why) => (Check::failed(name, why), None),
            Ok(answer) => {
                let ok = answer.status == status;
                let detail = if ok { "done".to_owned() } else { answer.problem() };
                let check = Check {
                    name,
                    ok,
                    detail,
                    milliseconds: Some(answer.took.as_secs_f64() * 1e3),
                };
                (check, ok.then_some(answer.body))
            }
        };
        self.checks.push(check);
        body.ok_or(Stopped)
    }

    /// Something that the answer to the last step must have said.
    fn kept<T>(&mut self, name: &'static str, value: Option<T>) -> Result<T, Stopped> {
        self.must_be(name, value.is_some(), || "the answer has no id".to_owned())?;
        value.ok_or(Stopped)
    }

    /// The last step was answered; it is wrong all the same where this does not hold.
    fn must_be(&mut self, name: &'static str, holds: bool, why: impl FnOnce() -> String) -> Result<(), Stopped> {
        if holds {
            return Ok(());
        }
        match self.checks.last_mut().filter(|check| check.name == name) {
            Some(check) => {
                check.ok = false;
                check.detail = why();
            }
            None => self.checks.push(Check::failed(name, why())),
        }
        Err(Stopped)
    }
}
