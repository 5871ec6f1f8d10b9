//! Metrics: one registry, which `/metrics` writes as text and OpenTelemetry is fed from (`docs/adr/0010-telemetry.md`,
//! `docs/telemetry.md`).
//!
//! What happens is counted where it happens, with atomic additions on handles that were looked up beforehand: no lock, no
//! allocation. What only the database knows (`levels`) is read when somebody asks for the metrics, and seldom.

mod caches;
mod database;
mod deliveries;
mod family;
mod levels;
mod orders;
mod process;
mod push;
mod rate_limit;
mod relay;
mod requests;

pub(crate) use caches::{CacheMetrics, Caches};
pub(crate) use rate_limit::RateLimitMetrics;
pub use requests::{FunctionMetrics, InFlight};

use crate::{App, Error, outbox::RelayReport, receivers::DeliveryReport, telemetry::Export};
use family::{Families, Family, Made};
use inventory_store::{Engine, Observer, outbox::Destination, processing::Processed, receivers::Receiver};
use prometheus::{Registry, TextEncoder};
use push::Push;
use std::{fmt::Write as _, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Every family, in the order of the documentation.
static FAMILIES: &[&Family] = &[
    &requests::REQUESTS,
    &requests::DURATION,
    &requests::IN_FLIGHT,
    &rate_limit::LIMITED,
    &rate_limit::FALLBACKS,
    &rate_limit::SHARED,
    &orders::ORDERS,
    &orders::PROCESSING,
    &levels::PENDING,
    &levels::OLDEST,
    &relay::RELAY,
    &levels::PARKED,
    &levels::ALERTS,
    &levels::DELIVERIES,
    &levels::OLDEST_DELIVERY,
    &deliveries::ATTEMPTS,
    &levels::WAITING_LINES,
    &levels::HOLDS,
    &levels::TRANSFERS,
    &levels::STOCK_VALUE,
    &levels::COUNTED_LINES,
    &levels::COUNTED_VALUE,
    &levels::READ,
    &levels::FAILURES,
    &database::CONNECTIONS,
    &database::ACQUIRE,
    &database::STATEMENTS,
    &database::SLOW_STATEMENTS,
    &caches::CACHE,
    &process::MEMORY,
    &process::CPU,
    &process::STARTED,
    &process::UPTIME,
    &process::BUILD,
];

/// The table of all metrics, for `docs/telemetry.md`.
pub fn document() -> String {
    let mut text = "| Metric | Type | Unit | Labels | What it says |\n|---|---|---|---|---|\n".to_owned();
    for family in FAMILIES {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            family.name,
            family.kind.as_str(),
            family.unit(),
            labels.join(", "),
            family.help
        );
    }
    text
}

/// All metrics of an application as text (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Works while the
/// database is away: what it alone knows is then as old as it says.
///
/// # Errors
/// When they cannot be written, which is a fault in the program.
pub async fn text(app: &App) -> Result<String, Error> {
    let metrics = app.metrics();
    metrics.refresh(app).await;
    TextEncoder::new()
        .encode_to_string(&metrics.registry.gather())
        .map_err(|error| fault(&error))
}

fn fault(error: &prometheus::Error) -> Error {
    tracing::error!(%error, "the metrics are at fault");
    Error::Internal
}

/// The metrics of an application.
pub struct Metrics {
    registry: Registry,
    push: Push,
    requests: requests::Requests,
    rate_limit: RateLimitMetrics,
    orders: orders::Orders,
    relay: relay::Relay,
    deliveries: deliveries::Deliveries,
    database: Arc<database::Database>,
    caches: Caches,
    levels: levels::Levels,
    process: process::Process,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics that all are zero. With `export` they are sent, too.
    pub(crate) fn new(engine: Engine, export: Option<&Export>) -> Result<Self, Error> {
        Self::made(engine, Push::new(export)).map_err(|error| fault(&error))
    }

    fn made(engine: Engine, push: Push) -> Made<Self> {
        let registry = Registry::new();
        let families = Families {
            registry: &registry,
            push: &push,
        };
        Ok(Self {
            requests: requests::Requests::new(&families)?,
            rate_limit: RateLimitMetrics::new(&families)?,
            orders: orders::Orders::new(&families)?,
            relay: relay::Relay::new(&families)?,
            deliveries: deliveries::Deliveries::new(&families)?,
            database: Arc::new(database::Database::new(&families)?),
            caches: Caches::new(&families)?,
            levels: levels::Levels::new(&families)?,
            process: process::Process::new(&families, engine)?,
            registry,
            push,
        })
    }

    /// The metrics of one function: to be kept by whoever calls it.
    pub fn function(&self, name: &'static str) -> FunctionMetrics {
        self.requests.function(name)
    }

    /// Who counts the store's statements.
    pub(crate) fn database(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.database) as _
    }

    /// The metrics of the caches.
    pub(crate) const fn caches(&self) -> &Caches {
        &self.caches
    }

    /// The metrics of the limiter.
    pub(crate) const fn rate_limit(&self) -> &RateLimitMetrics {
        &self.rate_limit
    }

    /// The relay has tried to send events.
    pub(crate) fn relayed(&self, destination: Destination, report: RelayReport) {
        self.relay.relayed(destination, report);
    }

    /// Somebody has tried to reach a receiver.
    pub(crate) fn tried_to_deliver(&self, receiver: &Receiver, report: DeliveryReport) {
        self.deliveries.tried(receiver, report);
    }

    /// A batch of order messages was worked on.
    pub(crate) fn processed(&self, processed: &Processed) {
        self.orders.processed(processed);
    }

    /// Messages were parked that could not even be read, or that the broker gave up.
    pub(crate) fn parked(&self, count: usize) {
        self.orders.parked(count);
    }

    /// Keeps up to date what is sent. Without a destination nothing is done before somebody asks.
    pub(crate) fn spawn(app: &App, tasks: &TaskTracker, stop: &CancellationToken) {
        if !app.metrics().push.is_on() {
            return;
        }
        let (app, stop) = (app.clone(), stop.clone());
        tasks.spawn(async move {
            let mut turns = tokio::time::interval(levels::EVERY);
            loop {
                tokio::select! {
                    _ = turns.tick() => app.metrics().refresh(&app).await,
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// Sends the last numbers.
    pub(crate) async fn shutdown(&self) {
        self.push.shutdown().await;
    }

    /// Brings up to date what is not counted where it happens.
    async fn refresh(&self, app: &App) {
        // Before there is a database nobody asks it.
        if app.is_ready() {
            self.levels.refresh(app.store()).await;
        }
        self.database.refresh(app.store().pool_status());
        self.rate_limit
            .refresh(app.rate_limiter().and_then(crate::rate_limit::RateLimiter::is_shared));
        self.process.refresh();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::proto::MetricType;

    #[test]
    fn what_is_registered_is_what_is_documented() {
        let metrics = Metrics::new(Engine::Sqlite, None).unwrap();
        metrics.function("x").begin().end(200);
        metrics.rate_limit.refresh(Some(true));
        let gathered = metrics.registry.gather();
        for family in &gathered {
            let known = FAMILIES.iter().find(|known| known.name == family.name()).unwrap();
            let kind = match family.get_field_type() {
                MetricType::COUNTER => "counter",
                MetricType::GAUGE => "gauge",
                MetricType::HISTOGRAM => "histogram",
                other => panic!("{}: {other:?}", known.name),
            };
            assert_eq!(kind, known.kind.as_str(), "{}", known.name);
            assert_eq!(family.help(), known.help);
            assert!(known.help.ends_with('.') && !known.help.contains('|'), "{}", known.name);
            assert_eq!(
                known.kind == family::Kind::Counter,
                known.name.ends_with("_total"),
                "{}",
                known.name
            );
            let labels: Vec<_> = family.get_metric()[0]
                .get_label()
                .iter()
                .map(prometheus::proto::LabelPair::name)
                .collect();
            let mut expected = known.labels.to_vec();
            expected.sort_unstable();
            assert_eq!(labels, expected, "{}", known.name);
        }
        // Those whose labels only the database knows are not gathered before it was asked.
        let missing: Vec<_> = FAMILIES
            .iter()
            .filter(|family| !gathered.iter().any(|gathered| gathered.name() == family.name))
            .map(|family| family.name)
            .collect();
        let of_the_database = [
            &levels::PENDING,
            &levels::OLDEST,
            &levels::ALERTS,
            &levels::DELIVERIES,
            &levels::OLDEST_DELIVERY,
            &levels::STOCK_VALUE,
            &levels::COUNTED_LINES,
            &levels::COUNTED_VALUE,
        ];
        assert_eq!(missing, of_the_database.map(|family| family.name));
    }
}
