//! Levels that only the database knows: read when somebody asks for the metrics, and not again before their time.

use super::family::{Families, Family, Made};
use crate::clock;
use inventory_domain::Timestamp;
use inventory_store::{Store, StoreError, counts, levels};
use prometheus::{IntCounter, IntGauge, IntGaugeVec};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How old levels may be before they are read again.
pub(super) const EVERY: Duration = Duration::from_secs(30);
/// How long a reading may take, the wait for a connection included: a scrape must not wait for a database that does not
/// answer. PostgreSQL itself gives the statement up before.
const TIMEOUT: Duration = Duration::from_secs(3);
/// A reading that takes long is done less often: it may take one part in this many of the time.
const SHARE: u32 = 20;

pub(super) static PENDING: Family = Family::gauge(
    "inventory_outbox_pending",
    &["destination"],
    "Events that still have to be sent, by destination; counted up to 100,000.",
);
pub(super) static OLDEST: Family = Family::gauge(
    "inventory_outbox_oldest_age_seconds",
    &["destination"],
    "Age of the oldest event that still has to be sent; 0 where there is none.",
);
pub(super) static PARKED: Family = Family::gauge(
    "inventory_parked_messages",
    &[],
    "Messages that are parked and were not sent again; counted up to 100,000.",
);
pub(super) static ALERTS: Family = Family::gauge(
    "inventory_alerts_open",
    &["severity"],
    "Low-stock alerts that are not cleared; counted up to 100,000.",
);
pub(super) static DELIVERIES: Family = Family::gauge(
    "inventory_deliveries_pending",
    &["resource"],
    "Deliveries that still have to reach a receiver, of `webhooks`, `channels` and `exports`; counted up to 100,000.",
);
pub(super) static OLDEST_DELIVERY: Family = Family::gauge(
    "inventory_deliveries_oldest_age_seconds",
    &["resource"],
    "How long the oldest of them has been on its way; 0 where there is none.",
);
pub(super) static WAITING_LINES: Family = Family::gauge(
    "inventory_order_lines_waiting",
    &[],
    "Lines of orders that wait for stock (backorders); counted up to 100,000.",
);
pub(super) static HOLDS: Family = Family::gauge(
    "inventory_reservations_active",
    &[],
    "Reservations that hold units and are no order yet; counted up to 100,000.",
);
pub(super) static TRANSFERS: Family = Family::gauge(
    "inventory_transfers_in_transit",
    &[],
    "Transfers that have left and not arrived; counted up to 100,000.",
);
pub(super) static STOCK_VALUE: Family = Family::gauge(
    "inventory_stock_value_minor_units",
    &["currency"],
    "What all stock is worth, in minor units of the currency (cents).",
);
pub(super) static COUNTED_LINES: Family = Family::gauge(
    "inventory_counted_lines",
    &["result"],
    "Lines of counts posted in the last 90 days, `agreeing` with the ledger or `differing`: the accuracy is the share that agrees.",
);
pub(super) static COUNTED_VALUE: Family = Family::gauge(
    "inventory_counted_value_minor_units",
    &["currency", "what"],
    "What these lines are worth, in minor units of the currency: `on_hand` when they were counted, and their `difference`, more and \
     less alike.",
);
pub(super) static READ: Family = Family::gauge(
    "inventory_levels_read_timestamp_seconds",
    &["reading"],
    "When the levels in the database were last read, in seconds since the Unix epoch; 0: never. `waiting`: outbox, parked messages, \
     alerts, deliveries, waiting lines, reservations and transfers; `stock_value`; `counts`.",
);
pub(super) static FAILURES: Family = Family::counter(
    "inventory_levels_read_failures_total",
    &["reading"],
    "How often they could not be read; they then stay as they were.",
);

/// Days whose counts say how accurate the inventory is: every item is counted in a quarter of a year.
const COUNTED_DAYS: i64 = 90;

/// Something that is read now and then.
struct Reading {
    name: &'static str,
    read_at: IntGauge,
    failures: IntCounter,
    /// When it may be read again. One reads at a time, the others take what is there.
    due: Mutex<Option<Instant>>,
}

impl Reading {
    /// Reads, unless that was done a moment ago or is being done just now.
    async fn turn(&self, read: impl Future<Output = Result<(), StoreError>>) {
        let Ok(mut due) = self.due.try_lock() else {
            return;
        };
        let started = Instant::now();
        if due.is_some_and(|due| started < due) {
            return;
        }
        // Whoever asks may go away before the end; the next must not ask again at once.
        *due = Some(started + EVERY);
        match tokio::time::timeout(TIMEOUT, read).await {
            Ok(Ok(())) => self.read_at.set(clock().micros() / 1_000_000),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&"no answer in time"),
        }
        *due = Some(next(started, Instant::now()));
    }

    fn failed(&self, why: &dyn std::fmt::Display) {
        tracing::warn!(reading = self.name, %why, "levels cannot be read");
        self.failures.inc();
    }
}

/// When to read again after a reading from `started` to `ended`.
fn next(started: Instant, ended: Instant) -> Instant {
    ended + EVERY.max((ended - started) * SHARE)
}

pub(super) struct Levels {
    pending: IntGaugeVec,
    oldest: IntGaugeVec,
    parked: IntGauge,
    alerts: IntGaugeVec,
    deliveries: IntGaugeVec,
    oldest_delivery: IntGaugeVec,
    waiting_lines: IntGauge,
    holds: IntGauge,
    transfers: IntGauge,
    stock_value: IntGaugeVec,
    counted_lines: IntGaugeVec,
    counted_value: IntGaugeVec,
    waiting_read: Reading,
    stock_value_read: Reading,
    counts_read: Reading,
    /// Those that were there at the last reading.
    currencies: Mutex<Vec<String>>,
}

impl Levels {
    pub(super) fn new(families: &Families<'_>) -> Made<Self> {
        let (read_at, failures) = (families.gauges(&READ)?, families.counters(&FAILURES)?);
        let reading = |name| Reading {
            name,
            read_at: read_at.with_label_values(&[name]),
            failures: failures.with_label_values(&[name]),
            due: Mutex::default(),
        };
        let one = |family| -> Made<IntGauge> { Ok(families.gauges(family)?.with_label_values::<&str>(&[])) };
        Ok(Self {
            pending: families.gauges(&PENDING)?,
            oldest: families.gauges(&OLDEST)?,
            parked: one(&PARKED)?,
            alerts: families.gauges(&ALERTS)?,
            deliveries: families.gauges(&DELIVERIES)?,
            oldest_delivery: families.gauges(&OLDEST_DELIVERY)?,
            waiting_lines: one(&WAITING_LINES)?,
            holds: one(&HOLDS)?,
            transfers: one(&TRANSFERS)?,
            stock_value: families.gauges(&STOCK_VALUE)?,
            counted_lines: families.gauges(&COUNTED_LINES)?,
            counted_value: families.gauges(&COUNTED_VALUE)?,
            waiting_read: reading("waiting"),
            stock_value_read: reading("stock_value"),
            counts_read: reading("counts"),
            currencies: Mutex::default(),
        })
    }

    /// Reads what is due.
    pub(super) async fn refresh(&self, store: &Store) {
        tokio::join!(
            self.waiting_read.turn(self.read_waiting(store)),
            self.stock_value_read.turn(self.read_stock_value(store)),
            self.counts_read.turn(self.read_counts(store)),
        );
    }

    async fn read_waiting(&self, store: &Store) -> Result<(), StoreError> {
        let waiting = levels::waiting(store).await?;
        let now = clock().micros();
        let age = |oldest: Option<Timestamp>| oldest.map_or(0, |oldest| (now - oldest.micros()).max(0) / 1_000_000);
        for backlog in waiting.backlogs {
            let labels = [backlog.destination.as_str()];
            self.pending.with_label_values(&labels).set(backlog.pending);
            self.oldest.with_label_values(&labels).set(age(backlog.oldest));
        }
        for (resource, count, oldest) in waiting.deliveries {
            let labels = [resource];
            self.deliveries.with_label_values(&labels).set(count);
            self.oldest_delivery.with_label_values(&labels).set(age(oldest));
        }
        self.waiting_lines.set(waiting.waiting_lines);
        self.holds.set(waiting.holds);
        self.transfers.set(waiting.transfers);
        self.parked.set(waiting.parked);
        for (severity, count) in waiting.alerts {
            self.alerts.with_label_values(&[severity.as_str()]).set(count);
        }
        Ok(())
    }

    async fn read_counts(&self, store: &Store) -> Result<(), StoreError> {
        let now = clock();
        let since = now.plus_minutes(-COUNTED_DAYS * 24 * 60);
        let accuracy = counts::accuracy_of(store, since, now).await?;
        let (counted, agreeing) = accuracy
            .as_ref()
            .map_or((0, 0), |found| (found.counted, found.agreeing));
        for (result, lines) in [("agreeing", agreeing), ("differing", counted - agreeing)] {
            self.counted_lines.with_label_values(&[result]).set(lines);
        }
        self.counted_value.reset();
        for value in accuracy.into_iter().flat_map(|found| found.value) {
            for (what, minor) in [("on_hand", value.on_hand_minor), ("difference", value.difference_minor)] {
                let labels = [value.currency.as_str(), what];
                self.counted_value.with_label_values(&labels).set(minor);
            }
        }
        Ok(())
    }

    async fn read_stock_value(&self, store: &Store) -> Result<(), StoreError> {
        let values = levels::stock_value(store).await?;
        let mut currencies = self.currencies.lock().await;
        for gone in currencies
            .iter()
            .filter(|code| !values.iter().any(|value| value.currency == **code))
        {
            // It was there a moment ago.
            let _ = self.stock_value.remove_label_values(&[gone.as_str()]);
        }
        for value in &values {
            let gauge = self.stock_value.with_label_values(&[value.currency.as_str()]);
            gauge.set(value.value_minor);
        }
        *currencies = values.into_iter().map(|value| value.currency).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::push::Push;
    use prometheus::Registry;
    use std::cell::Cell;

    fn reading() -> Reading {
        let registry = Registry::new();
        Levels::new(&Families {
            registry: &registry,
            push: &Push::default(),
        })
        .unwrap()
        .waiting_read
    }

    /// Whether it reads when it is asked now.
    async fn reads(reading: &Reading) -> bool {
        let asked = Cell::new(false);
        let read = async {
            asked.set(true);
            Ok(())
        };
        reading.turn(read).await;
        asked.get()
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_is_given_up_and_left_alone_for_a_while() {
        let reading = reading();
        reading.turn(std::future::pending()).await;
        assert_eq!((reading.failures.get(), reading.read_at.get()), (1, 0));
        assert!(!reads(&reading).await);
        *reading.due.lock().await = Some(Instant::now());
        assert!(reads(&reading).await, "its time has come");
        assert!(reading.read_at.get() > 0);
    }

    #[test]
    fn a_reading_that_takes_long_is_done_less_often() {
        let started = Instant::now();
        assert_eq!(
            next(started, started + Duration::from_millis(10)),
            started + Duration::from_millis(10) + EVERY
        );
        let end = started + Duration::from_secs(3);
        assert_eq!(next(started, end), end + Duration::from_secs(3) * SHARE);
    }

    #[tokio::test]
    async fn who_goes_away_does_not_make_the_next_ask_at_once() {
        let reading = reading();
        assert!(poll_once(reading.turn(std::future::pending())).is_none());
        assert!(!reads(&reading).await);
    }

    /// Polls once and drops.
    fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
