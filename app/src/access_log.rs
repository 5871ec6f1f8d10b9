//! Who was shown whose personal data. (Who changed it is in the audit trail.)
//!
//! A request costs a look-up in memory and no round trip: accesses are gathered, those of one actor to one customer by one
//! operation as one row with their number, and written every few seconds, many with one statement. Both the rows kept and the
//! time they wait are bounded; a process that is killed loses what it has not written, one that is stopped writes it first.

use crate::{App, Error, clock};
use inventory_domain::customer;
use inventory_store::audit::{self, NewAccess};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long an access waits to be written, about.
const WAIT: Duration = Duration::from_secs(5);
/// Rows gathered at most (about 3 MB). Beyond, an actor's accesses are still counted, but no longer by customer.
const ROWS_MAX: usize = 10_000;
/// Rows written with one statement.
const BATCH: usize = 1_000;

/// Whose data was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    /// The customer's with this id.
    Customer(i64),
    /// All that the parked message with this id holds.
    Parked(i64),
    /// That of more customers than are told apart.
    Customers,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Customer(id) => f.write_str(&customer::subject(*id)),
            Self::Parked(id) => write!(f, "parked/{id}"),
            Self::Customers => f.write_str("customers"),
        }
    }
}

/// Who is shown something.
#[derive(Clone, Copy, Debug)]
pub struct Viewing<'a> {
    /// The operation that shows it (`orders_get`).
    pub action: &'static str,
    /// Who.
    pub actor: &'a str,
    /// From where.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request_id: &'a str,
}

#[derive(Debug)]
struct Seen {
    first_at: i64,
    last_at: i64,
    times: i64,
    address: Option<IpAddr>,
    request_id: String,
}

#[derive(Debug, Default)]
struct Gathered {
    /// By actor, so that a look-up needs no text of its own.
    by_actor: HashMap<String, HashMap<(&'static str, Shown), Seen>>,
    rows: usize,
}

impl Gathered {
    fn add(&mut self, viewing: &Viewing<'_>, shown: Shown, at: i64) {
        if !self.by_actor.contains_key(viewing.actor) {
            self.by_actor.insert(viewing.actor.to_owned(), HashMap::new());
        }
        let Some(seen) = self.by_actor.get_mut(viewing.actor) else {
            return;
        };
        let key = (viewing.action, shown);
        let key = if self.rows >= ROWS_MAX && !seen.contains_key(&key) {
            (viewing.action, Shown::Customers)
        } else {
            key
        };
        let row = seen.entry(key).or_insert_with(|| {
            self.rows += 1;
            Seen {
                first_at: at,
                last_at: at,
                times: 0,
                address: None,
                request_id: String::new(),
            }
        });
        row.times += 1;
        row.last_at = row.last_at.max(at);
        row.address = viewing.address;
        viewing.request_id.clone_into(&mut row.request_id);
    }

    fn into_rows(self) -> Vec<NewAccess> {
        let mut rows = Vec::with_capacity(self.rows);
        for (actor, seen) in self.by_actor {
            rows.extend(seen.into_iter().map(|((action, shown), seen)| NewAccess {
                first_at: seen.first_at,
                last_at: seen.last_at,
                times: seen.times,
                actor: actor.clone(),
                address: seen.address.map(|address| address.to_string()),
                request_id: seen.request_id,
                action,
                entity: shown.to_string(),
            }));
        }
        rows
    }
}

/// What was gathered and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct AccessLog {
    gathered: Mutex<Gathered>,
    /// Rows that are being written; after a failure they wait here.
    writing: tokio::sync::Mutex<Vec<NewAccess>>,
    news: Notify,
}

impl AccessLog {
    fn add(&self, viewing: &Viewing<'_>, all: impl Iterator<Item = Shown>) {
        let at = clock().micros();
        let was_empty = {
            let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
            let was_empty = gathered.rows == 0;
            all.for_each(|shown| gathered.add(viewing, shown, at));
            was_empty
        };
        if was_empty {
            self.news.notify_one();
        }
    }

    fn take(&self) -> Vec<NewAccess> {
        std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner)).into_rows()
    }

    /// Writes every few seconds what there is, and once more before the end.
    pub(crate) fn spawn(app: &App, tasks: &TaskTracker, stop: &CancellationToken) {
        let (app, stop) = (app.clone(), stop.clone());
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = app.access_log().news.notified() => {}
                    () = stop.cancelled() => break,
                }
                let mut written = false;
                while !written {
                    tokio::select! {
                        () = tokio::time::sleep(WAIT) => {}
                        () = stop.cancelled() => break,
                    }
                    // What cannot be written now is kept, and tried again with what comes.
                    written = app.write_accesses().await.is_ok();
                }
            }
            if app.write_accesses().await.is_err() {
                tracing::error!("accesses to personal data are lost: the database is away at the end");
            }
        });
    }
}

impl App {
    /// Records that somebody is shown personal data. Costs no round trip.
    pub fn shown(&self, viewing: &Viewing<'_>, all: impl IntoIterator<Item = Shown>) {
        if self.settings().work.access_log_retention_days > 0 {
            self.access_log().add(viewing, all.into_iter());
        }
    }

    /// Writes the accesses gathered so far; otherwise that happens every five seconds.
    ///
    /// # Errors
    /// When the database is away; nothing is lost then.
    pub async fn write_accesses(&self) -> Result<(), Error> {
        let log = self.access_log();
        let mut rows = log.writing.lock().await;
        // While the database is away no more is taken over: what is gathered stays bounded, and so is what waits.
        if rows.is_empty() {
            *rows = log.take();
        }
        while !rows.is_empty() {
            let start = rows.len().saturating_sub(BATCH);
            audit::record_accesses(self.store(), &rows[start..]).await?;
            rows.truncate(start);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewing(actor: &str) -> Viewing<'_> {
        Viewing {
            action: "orders_get",
            actor,
            address: Some([192, 0, 2, 1].into()),
            request_id: "r-1",
        }
    }

    #[test]
    fn the_same_access_is_one_row() {
        let log = AccessLog::default();
        let one = || std::iter::once(Shown::Customer(7));
        log.add(&viewing("mary"), one());
        log.add(
            &Viewing {
                request_id: "r-2",
                ..viewing("mary")
            },
            one(),
        );
        log.add(&viewing("joe"), one());
        let mut rows = log.take();
        rows.sort_by(|a, b| a.actor.cmp(&b.actor));
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row.actor.as_str(),
                    row.times,
                    row.entity.as_str(),
                    row.request_id.as_str(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [("joe", 1, "customers/7", "r-1"), ("mary", 2, "customers/7", "r-2")]
        );
        assert_eq!(rows[0].address.as_deref(), Some("192.0.2.1"));
        assert!(log.take().is_empty());
    }

    #[test]
    fn no_access_is_left_out_and_memory_is_bounded() {
        let log = AccessLog::default();
        let many = ROWS_MAX as i64 + 5_000;
        log.add(&viewing("mary"), (0..many).map(Shown::Customer));
        let rows = log.take();
        assert_eq!(rows.len(), ROWS_MAX + 1);
        assert_eq!(rows.iter().map(|row| row.times).sum::<i64>(), many);
        let rest = rows.iter().find(|row| row.entity == "customers").unwrap();
        assert_eq!(rest.times, 5_000);
    }
}
