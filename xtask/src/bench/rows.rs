//! What is measured.

use super::cpu::{self, Processes, Sample};
use super::database::{Database, PRODUCTS, Scratch};
use super::handler::Handler;
use super::host::Host;
use super::load::{Load, Shot};
use super::report::{Report, limit, per_second};
use crate::failure::{Context as _, Failure, Result};
use hyper::{Method, body::Bytes};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// Starts of the handler.
const COLD_STARTS: usize = 10;
/// Customers who order.
const CUSTOMERS: u64 = 1_000;
/// Orders whose way to their decision is timed one by one.
const FOLLOWED: usize = 100;
/// How long orders that wait in the queue may take to be decided.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often an order is looked at until it is decided.
const LOOK: Duration = Duration::from_millis(1);

const COLD_PROBE: &str = "cold start, to GET /";
const COLD_ITEM: &str = "cold start, to GET one item";
const IDLE: &str = "memory, idle";
const LOADED: &str = "memory, after all rows";
const GET_ITEM: &str = "GET one inventory item";
const GET_LIST: &str = "GET list of 100 items";
const POST_ORDER: &str = "POST order";
const DECIDED_SPREAD: [&str; 3] = [
    "orders decided, batches of 1, spread",
    "orders decided, batches of 32, spread",
    "orders decided, batches of 256, spread",
];
const DECIDED_ONE: [&str; 3] = [
    "orders decided, batches of 1, one product",
    "orders decided, batches of 32, one product",
    "orders decided, batches of 256, one product",
];
const FOLLOW: &str = "POST order until decided, one at a time";
const QUEUE: &str = "orders decided, HTTP to queue to decision";

/// Batches and how many of them are sent at once. The Functions host sends one at a time from each instance; more stand
/// for several instances, and show what the locks of one product cost.
const BATCHES: [(usize, usize, usize); 3] = [(1, 16, 4), (32, 4, 2), (256, 2, 1)];

/// The rows, on one database.
pub(super) struct Rows<'a> {
    pub(super) database: &'a Database,
    pub(super) time: Duration,
    pub(super) connections: usize,
}

impl Rows<'_> {
    pub(super) const DIRECT: [&'static str; 13] = [
        COLD_PROBE,
        COLD_ITEM,
        IDLE,
        GET_ITEM,
        GET_LIST,
        POST_ORDER,
        DECIDED_SPREAD[0],
        DECIDED_SPREAD[1],
        DECIDED_SPREAD[2],
        DECIDED_ONE[0],
        DECIDED_ONE[1],
        DECIDED_ONE[2],
        LOADED,
    ];
    pub(super) const THROUGH_HOST: [&'static str; 5] = [GET_ITEM, GET_LIST, FOLLOW, POST_ORDER, QUEUE];

    /// Rows of the handler by itself. Says whether every answer was right.
    pub(super) async fn direct(&self, report: &mut Report) -> Result<bool> {
        for (row, path) in [(COLD_PROBE, "/"), (COLD_ITEM, "/api/v1/inventory/1")] {
            if report.wants(row) {
                let mut times = Vec::with_capacity(COLD_STARTS);
                for _ in 0..COLD_STARTS {
                    let (handler, time) = Handler::start(self.database, path).await?;
                    handler.stop().await?;
                    times.push(time);
                }
                report.times(
                    row,
                    None,
                    times,
                    &format!("exec to the first answer, {COLD_STARTS} starts"),
                );
            }
        }
        let (handler, _) = Handler::start(self.database, "/api/v1/inventory/1").await?;
        let memory = |row: &str, report: &mut Report| {
            let bytes = cpu::resident_bytes(handler.process_id()).unwrap_or_default();
            if report.wants(row) {
                report.value(row, &format!("{:.1} MB", bytes as f64 / 1e6), "resident set");
            }
        };
        memory(IDLE, report);
        let parts = self.parts(&[("handler", handler.process_id())]);
        let mut all_well = self.http(handler.port, &parts, report).await?;
        all_well &= self.post_orders(handler.port, &parts, report).await?;
        for (at, (batch, spread, one)) in BATCHES.into_iter().enumerate() {
            all_well &= self
                .decide(
                    DECIDED_SPREAD[at],
                    handler.port,
                    batch,
                    spread,
                    PRODUCTS,
                    &parts,
                    report,
                )
                .await?;
            all_well &= self
                .decide(DECIDED_ONE[at], handler.port, batch, one, 1, &parts, report)
                .await?;
        }
        memory(LOADED, report);
        handler.stop().await?;
        Ok(all_well)
    }

    /// Rows of the whole system. Says whether every answer was right.
    pub(super) async fn through_host(&self, report: &mut Report, scratch: &Scratch) -> Result<bool> {
        let host = Host::start(self.database, scratch).await?;
        let parts = self.parts(&[("handler", host.handler_process_id), ("devhost", host.process_id)]);
        let mut all_well = self.http(host.port, &parts, report).await?;
        if report.wants(FOLLOW) {
            self.follow(host.port, report).await?;
        }
        if report.wants_any(&[POST_ORDER, QUEUE]) {
            let before = Sample::take(&parts);
            let began = Instant::now();
            let numbers = Arc::new(AtomicU64::new(0));
            let measured = post_orders(host.port, self.connections)
                .run(self.time, &numbers)
                .await?;
            let usage = Sample::take(&parts).since(&before);
            if report.wants(POST_ORDER) {
                report.rate(POST_ORDER, &measured, 1, &limit(&usage, self.commits()));
            }
            all_well &= measured.wrong == 0;
            self.drained(host.port).await?;
            let usage = Sample::take(&parts).since(&before);
            if report.wants(QUEUE) {
                let rate = measured.requests as f64 / began.elapsed().as_secs_f64();
                report.value(
                    QUEUE,
                    &per_second(rate),
                    &limit(&usage, "commits of database and queue"),
                );
            }
        }
        host.stop().await?;
        Ok(all_well)
    }

    /// What writes wait for when the processors do not hold them back.
    fn commits(&self) -> &'static str {
        if self.database.server.is_some() {
            "commits"
        } else {
            "one writer at a time"
        }
    }

    fn parts(&self, ours: &[(&'static str, u32)]) -> Vec<(&'static str, Processes)> {
        let mut parts = vec![("client", Processes::One(std::process::id()))];
        parts.extend(ours.iter().map(|&(name, id)| (name, Processes::One(id))));
        parts.extend(self.database.server.map(|server| ("database", server)));
        parts
    }

    async fn http(&self, port: u16, parts: &[(&'static str, Processes)], report: &mut Report) -> Result<bool> {
        let ids = item_ids(port).await?;
        let get = |path: Arc<dyn Fn(u64) -> String + Send + Sync>| Load {
            port,
            connections: self.connections,
            shot: Arc::new(move |number| Shot {
                method: Method::GET,
                path: path(number),
                body: Bytes::new(),
            }),
            status: 200,
            contains: "\"available\"".to_owned(),
        };
        let one = get(Arc::new(move |number| {
            let id = ids[scatter(number, ids.len() as u64) as usize];
            format!("/api/v1/inventory/{id}")
        }));
        let list = get(Arc::new(|_| "/api/v1/inventory?limit=100".to_owned()));
        let mut all_well = self.row(GET_ITEM, &one, 1, "waiting", parts, report).await?;
        all_well &= self.row(GET_LIST, &list, 1, "waiting", parts, report).await?;
        Ok(all_well)
    }

    async fn post_orders(&self, port: u16, parts: &[(&'static str, Processes)], report: &mut Report) -> Result<bool> {
        self.row(
            POST_ORDER,
            &post_orders(port, self.connections),
            1,
            "commits",
            parts,
            report,
        )
        .await
    }

    #[allow(clippy::too_many_arguments, reason = "one caller; a struct would say the same twice")]
    async fn decide(
        &self,
        row: &str,
        port: u16,
        batch: usize,
        at_once: usize,
        products: u64,
        parts: &[(&'static str, Processes)],
        report: &mut Report,
    ) -> Result<bool> {
        let run = format!("{row}-{:x}", now());
        let load = Load {
            port,
            connections: at_once,
            shot: Arc::new(move |number| Shot {
                method: Method::POST,
                path: "/orders_process".to_owned(),
                body: envelope(&run, number, batch, products),
            }),
            status: 200,
            // Each order of each batch was new and is decided.
            contains: format!("decided\\\":{batch},"),
        };
        let otherwise = match self.database.server {
            Some(_) if products == 1 => "one stock item's lock, held for a commit",
            _ => self.commits(),
        };
        let otherwise = format!("{otherwise}; {at_once} at once");
        self.row(row, &load, batch as u64, &otherwise, parts, report).await
    }

    /// Warms up, measures, reports. Says whether every answer was right.
    async fn row(
        &self,
        row: &str,
        load: &Load,
        units: u64,
        otherwise: &str,
        parts: &[(&'static str, Processes)],
        report: &mut Report,
    ) -> Result<bool> {
        if !report.wants(row) {
            return Ok(true);
        }
        let numbers = Arc::new(AtomicU64::new(0));
        let warm = load.run(self.time / 5, &numbers).await.context(row)?;
        let before = Sample::take(parts);
        let measured = load.run(self.time, &numbers).await.context(row)?;
        let usage = Sample::take(parts).since(&before);
        report.rate(row, &measured, units, &limit(&usage, otherwise));
        Ok(warm.wrong == 0 && measured.wrong == 0)
    }

    /// Times single orders on an otherwise idle system, from the request to the decision.
    async fn follow(&self, port: u16, report: &mut Report) -> Result<()> {
        let mut times = Vec::with_capacity(FOLLOWED);
        let mut post = post_orders(port, 1);
        post.status = 202;
        for number in 0..FOLLOWED {
            let began = Instant::now();
            let order: Value = serde_json::from_slice(&post.once(number as u64).await?)?;
            let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap_or_default());
            let look = get(port, path);
            loop {
                let order: Value = serde_json::from_slice(&look.once(0).await?)?;
                if order["status"] != "pending" {
                    break;
                }
                if began.elapsed() > PATIENCE {
                    return Err(Failure::new("an order is not decided"));
                }
                tokio::time::sleep(LOOK).await;
            }
            times.push(began.elapsed());
        }
        report.times(FOLLOW, None, times, "the way through outbox, queue and batch");
        Ok(())
    }

    /// Returns when no order waits for its decision.
    async fn drained(&self, port: u16) -> Result<()> {
        let began = Instant::now();
        let look = get(port, "/api/v1/orders?status=pending&limit=1".to_owned());
        while look.once(0).await? != "[]" {
            if began.elapsed() > PATIENCE {
                return Err(Failure::new("orders wait for their decision for too long"));
            }
            // Nothing tells when a queue is empty; so rarely that looking costs nothing.
            tokio::time::sleep(LOOK * 50).await;
        }
        Ok(())
    }
}

fn get(port: u16, path: String) -> Load {
    Load {
        port,
        connections: 1,
        shot: Arc::new(move |_| Shot {
            method: Method::GET,
            path: path.clone(),
            body: Bytes::new(),
        }),
        status: 200,
        contains: String::new(),
    }
}

async fn item_ids(port: u16) -> Result<Vec<u64>> {
    let items = get(port, "/api/v1/inventory?limit=1000".to_owned()).once(0).await?;
    let items: Vec<Value> = serde_json::from_slice(&items)?;
    let ids: Vec<u64> = items.iter().filter_map(|item| item["id"].as_u64()).collect();
    if ids.len() as u64 == PRODUCTS {
        Ok(ids)
    } else {
        Err(Failure(format!("{} items are there", ids.len())))
    }
}

fn post_orders(port: u16, connections: usize) -> Load {
    Load {
        port,
        connections,
        shot: Arc::new(|number| Shot {
            method: Method::POST,
            path: "/api/v1/orders".to_owned(),
            body: order(number, PRODUCTS).to_string().into(),
        }),
        status: 202,
        contains: "\"pending\"".to_owned(),
    }
}

/// One order of one line.
fn order(number: u64, products: u64) -> Value {
    json!({
        "customer": format!("C-{}", scatter(number, CUSTOMERS)),
        "lines": [{"sku": format!("B-{:04}", scatter(number, products) + 1), "quantity": 1}],
    })
}

/// A batch as the Functions host sends it: texts in JSON in text.
fn envelope(run: &str, number: u64, batch: usize, products: u64) -> Bytes {
    let numbers = (0..batch as u64).map(|at| number * batch as u64 + at);
    let bodies: Vec<String> = numbers
        .clone()
        .map(|number| order(number, products).to_string())
        .collect();
    let ids: Vec<String> = numbers.map(|number| format!("bench-{run}-{number}")).collect();
    let counts = vec![1; batch];
    json!({
        "Data": {"messages": json!(bodies).to_string()},
        "Metadata": {"MessageIdArray": json!(ids).to_string(), "DeliveryCountArray": json!(counts).to_string()},
    })
    .to_string()
    .into()
}

/// Spreads consecutive numbers over `0..below`, the same every time (a step of the SplitMix64 generator).
fn scatter(number: u64, below: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

/// Nanoseconds since 1970: message ids of one run differ from those of every other.
fn now() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_what_the_host_sends() {
        let envelope: Value = serde_json::from_slice(&envelope("r", 3, 2, 1)).unwrap();
        let bodies: Vec<String> = serde_json::from_str(envelope["Data"]["messages"].as_str().unwrap()).unwrap();
        let first: Value = serde_json::from_str(&bodies[0]).unwrap();
        assert_eq!((bodies.len(), &first["lines"][0]["sku"]), (2, &json!("B-0001")));
        assert_eq!(envelope["Metadata"]["MessageIdArray"], "[\"bench-r-6\",\"bench-r-7\"]");
    }

    #[test]
    fn numbers_are_scattered_over_all() {
        let mut seen: Vec<u64> = (0..1_000).map(|number| scatter(number, 10)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }
}
