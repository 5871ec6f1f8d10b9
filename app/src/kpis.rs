//! What the system did in a period, held against what it must reach (the seed's targets, which are ours too).

use crate::{App, Caller, Error, clock, stock};
use inventory_domain::{
    Timestamp,
    count::Accuracy,
    pace::{MINUTE, OrdersMinute, all_minutes},
};
use inventory_store::{counts, kpis as store};
use serde::Serialize;
use std::collections::BTreeMap;

/// Targets of order processing: time on average, of 95 and of 99 in a hundred, in milliseconds.
pub const ORDER_TARGETS_MS: [f64; 3] = [2_000.0, 5_000.0, 10_000.0];
/// Orders that are decided, of all that came.
pub const SUCCESS_TARGET: f64 = 0.995;
/// Stock items that agree with the ledger, of all; counted lines that agree with it, of those counted.
pub const ACCURACY_TARGET: f64 = 0.99;

/// Orders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Orders {
    /// Placed in the period, by what has become of them.
    pub by_status: BTreeMap<String, i64>,
    /// Those that are decided.
    pub decided: i64,
    /// Messages that could not become or decide an order, by reason.
    pub parked: BTreeMap<String, i64>,
    /// Decided, of those and the parked ones; absent where there were none.
    pub success_rate: Option<f64>,
    /// From being placed to being decided, in milliseconds; absent where nothing was decided.
    pub processing: Option<Processing>,
}

/// How long deciding took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Processing {
    /// On average.
    pub average_ms: f64,
    /// Of 95 in a hundred, at most.
    pub p95_ms: f64,
    /// Of 99 in a hundred, at most.
    pub p99_ms: f64,
}

/// Stock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stock {
    /// Low-stock alerts raised, by severity.
    pub alerts: BTreeMap<String, i64>,
    /// Stock items, now.
    pub items: i64,
    /// Of those, the ones that do not agree with the ledger.
    pub drift: usize,
    /// Those that agree, of all; absent where there are none.
    pub accuracy: Option<f64>,
}

/// Cycle counts that were posted in the period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counts {
    /// How right the ledger was, by lines and by value; absent where nothing was counted.
    pub accuracy: Option<Accuracy>,
}

/// Security.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Security {
    /// Names and addresses, each for itself, whose last failed sign-in was in the period.
    pub failed_sign_in_subjects: i64,
    /// The most failures in a row of one of them.
    pub failed_sign_ins_most: i64,
    /// Tokens that were made void and have not expired yet, now.
    pub revoked_tokens: i64,
    /// Changes to accounts and API keys, by what was done.
    pub account_changes: BTreeMap<String, i64>,
}

/// The figures of a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kpis {
    /// From this moment…
    pub from: Timestamp,
    /// … up to this one, which is not in it.
    pub to: Timestamp,
    /// Orders.
    pub orders: Orders,
    /// Stock.
    pub stock: Stock,
    /// Cycle counts.
    pub counts: Counts,
    /// Security.
    pub security: Security,
    /// Targets that were missed, in words.
    pub missed: Vec<String>,
}

/// The figures from `from` up to `to`.
///
/// # Errors
/// When the database is away.
pub async fn of(app: &App, caller: &Caller, from: Timestamp, to: Timestamp) -> Result<Kpis, Error> {
    let db = app.store();
    let decided = store::decided(db, from, to).await?;
    let parked = by_name(store::parked(db, from, to).await?);
    let processing = processing(app, from, to, decided).await?;
    let reconciled = stock::reconcile(app, caller, false).await?;
    let failed = store::failed_sign_ins(db, from, to).await?;
    let (items, drift) = (reconciled.checked, reconciled.drift.len());
    let mut kpis = Kpis {
        from,
        to,
        orders: Orders {
            by_status: by_name(store::orders(db, from, to).await?),
            decided: decided.count,
            success_rate: rate(decided.count, decided.count + parked.values().sum::<i64>()),
            parked,
            processing,
        },
        stock: Stock {
            alerts: by_name(store::alerts(db, from, to).await?),
            items,
            drift,
            accuracy: rate(items - drift as i64, items),
        },
        counts: Counts {
            accuracy: counts::accuracy_of(db, from, to).await?,
        },
        security: Security {
            failed_sign_in_subjects: failed.subjects,
            failed_sign_ins_most: failed.most,
            revoked_tokens: store::revoked_tokens(db, clock()).await?,
            account_changes: by_name(store::account_changes(db, from, to).await?),
        },
        missed: Vec::new(),
    };
    kpis.missed = kpis.missed_targets();
    Ok(kpis)
}

/// Orders placed and decided in each of the last minutes, the present one last.
///
/// # Errors
/// When the database is away or takes too long.
pub async fn pace(app: &App, minutes: i64) -> Result<Vec<OrdersMinute>, Error> {
    let now = clock();
    let first = now.micros().div_euclid(MINUTE) - minutes + 1;
    let found = store::pace(app.store(), Timestamp::from_micros(first * MINUTE)).await?;
    Ok(all_minutes(found, now, minutes))
}

async fn processing(
    app: &App,
    from: Timestamp,
    to: Timestamp,
    decided: store::Decided,
) -> Result<Option<Processing>, Error> {
    let mut at = [0.0; 2];
    for (value, percent) in at.iter_mut().zip([95, 99]) {
        let rank = nearest_rank(decided.count, percent);
        match store::decision_micros(app.store(), from, to, rank).await? {
            Some(micros) => *value = micros as f64 / 1e3,
            None => return Ok(None),
        }
    }
    Ok(Some(Processing {
        average_ms: decided.average_micros as f64 / 1e3,
        p95_ms: at[0],
        p99_ms: at[1],
    }))
}

/// The rank, from 0, of the least value that so many in a hundred do not exceed.
const fn nearest_rank(count: i64, percent: i64) -> i64 {
    let rank = (count * percent + 99) / 100 - 1;
    if rank < 0 { 0 } else { rank }
}

fn rate(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn by_name(rows: Vec<store::Named>) -> BTreeMap<String, i64> {
    rows.into_iter().map(|row| (row.name, row.count)).collect()
}

impl Kpis {
    fn missed_targets(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if let Some(Processing {
            average_ms,
            p95_ms,
            p99_ms,
        }) = self.orders.processing
        {
            let measured = [("average", average_ms), ("p95", p95_ms), ("p99", p99_ms)];
            for ((name, value), target) in measured.into_iter().zip(ORDER_TARGETS_MS) {
                if value >= target {
                    missed.push(format!(
                        "order processing, {name}: {value:.0} ms, not under {target:.0} ms"
                    ));
                }
            }
        }
        let mut least = |name: &str, value: Option<f64>, target: f64| {
            if let Some(value) = value.filter(|value| *value <= target) {
                missed.push(format!(
                    "{name}: {:.3} %, not over {:.1} %",
                    value * 100.0,
                    target * 100.0
                ));
            }
        };
        least("orders decided", self.orders.success_rate, SUCCESS_TARGET);
        least("stock accuracy", self.stock.accuracy, ACCURACY_TARGET);
        if let Some(accuracy) = &self.counts.accuracy {
            least("inventory accuracy by count", Some(accuracy.rate), ACCURACY_TARGET);
            for value in &accuracy.value {
                let name = format!("inventory accuracy by value, {}", value.currency);
                least(&name, value.rate, ACCURACY_TARGET);
            }
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        for (count, percent, rank) in [
            (0, 95, 0),
            (1, 99, 0),
            (100, 95, 94),
            (100, 99, 98),
            (20, 95, 18),
            (21, 95, 19),
        ] {
            assert_eq!(nearest_rank(count, percent), rank, "{count} {percent}");
        }
    }
}
