//! How much there is of what has to be watched. Counted when somebody asks, at a cost that is bounded whatever has piled up:
//! rows are counted up to a limit, and PostgreSQL gives a statement up that takes longer than two seconds.

use crate::{
    StoreError,
    db::{FromRow, Reader, Sql, Store, json},
    outbox::Destination,
    stock,
};
use inventory_domain::{Timestamp, low_stock::Severity, stock::StockValue};

/// Rows of a kind that are counted at most: with more the size no longer matters.
pub const COUNTED_MAX: i64 = 100_000;

/// What waits for a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Where it is to be sent.
    pub destination: Destination,
    /// Events that still have to be sent, counted up to [`COUNTED_MAX`].
    pub pending: i64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
}

/// What is waiting for somebody or something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// By destination, in the order of [`Destination::ALL`].
    pub backlogs: Vec<Backlog>,
    /// Parked messages that were not sent again, counted up to [`COUNTED_MAX`].
    pub parked: i64,
    /// Alerts that are not cleared, by severity, in the order of [`Severity::ALL`]; up to [`COUNTED_MAX`] of them together.
    pub alerts: Vec<(Severity, i64)>,
}

struct Row {
    what: String,
    name: String,
    count: i64,
    oldest: Option<Timestamp>,
}

impl FromRow for Row {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            what: row.text()?,
            name: row.text()?,
            count: row.int()?,
            oldest: row.time_opt()?,
        })
    }
}

static WAITING: Sql = Sql::new(
    "SELECT 'outbox', r.name,
         (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.destination = r.name AND d.state = 'pending' LIMIT $2) counted),
         (SELECT o.time FROM outbox o WHERE o.seq = (SELECT MIN(d.seq) FROM deliveries d WHERE d.destination = r.name AND d.state = 'pending'))
     FROM {rows $1 r: name TEXT}
     UNION ALL SELECT 'parked', '', COUNT(*), NULL
     FROM (SELECT 1 FROM parked_messages WHERE replayed_at IS NULL LIMIT $2) counted
     UNION ALL SELECT 'alerts', counted.severity, COUNT(*), NULL
     FROM (SELECT severity FROM alerts WHERE status <> 'cleared' LIMIT $2) counted GROUP BY counted.severity",
);

#[derive(serde::Serialize)]
struct NameRow {
    name: &'static str,
}

/// What is waiting, in one statement.
///
/// # Errors
/// When the database is away or takes too long.
pub async fn waiting(store: &Store) -> Result<Waiting, StoreError> {
    let names = json(&Destination::ALL.map(|destination| NameRow {
        name: destination.as_str(),
    }))?;
    let rows: Vec<Row> = store.measure(&WAITING, &[(&names).into(), COUNTED_MAX.into()]).await?;
    let find = |what: &str, name: &str| rows.iter().find(|row| row.what == what && row.name == name);
    let backlog = |destination: Destination| {
        let row = find("outbox", destination.as_str());
        Backlog {
            destination,
            pending: row.map_or(0, |row| row.count),
            oldest: row.and_then(|row| row.oldest),
        }
    };
    let open = |severity: Severity| (severity, find("alerts", severity.as_str()).map_or(0, |row| row.count));
    Ok(Waiting {
        backlogs: Destination::ALL.map(backlog).into(),
        parked: find("parked", "").map_or(0, |row| row.count),
        alerts: Severity::ALL.iter().copied().map(open).collect(),
    })
}

/// What all stock is worth, per currency. Reads all of it: to be asked seldom.
///
/// # Errors
/// When the database is away or takes too long.
pub async fn stock_value(store: &Store) -> Result<Vec<StockValue>, StoreError> {
    store.measure(&stock::VALUE, &[]).await
}

/// The statement of [`waiting`], for tests of its plan.
#[doc(hidden)]
pub fn waiting_statement() -> &'static str {
    WAITING.text(crate::Engine::Postgres)
}
