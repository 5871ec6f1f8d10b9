//! How much there is of what has to be watched. Counted when somebody asks, at a cost that is bounded whatever has piled up:
//! rows are counted up to a limit, and PostgreSQL gives a statement up that takes longer than two seconds.

use crate::{
    StoreError,
    db::{FromRow, Reader, Sql, Store, json},
    outbox::Destination,
    receivers::COUNTED_AS,
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
    /// Deliveries that are on their way, and since when the oldest is, as [`COUNTED_AS`] has it; up to
    /// [`COUNTED_MAX`] of them together.
    pub deliveries: Vec<(&'static str, i64, Option<Timestamp>)>,
    /// Lines of orders that wait for stock, counted up to [`COUNTED_MAX`].
    pub waiting_lines: i64,
    /// Holds that are active, counted up to [`COUNTED_MAX`].
    pub holds: i64,
    /// Transfers that are in transit, counted up to [`COUNTED_MAX`].
    pub transfers: i64,
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
     FROM (SELECT severity FROM alerts WHERE status <> 'cleared' LIMIT $2) counted GROUP BY counted.severity
     UNION ALL SELECT 'deliveries', counted.name, COUNT(*), MIN(counted.created_at)
     FROM (SELECT CASE r.kind WHEN 'export' THEN 'exports' ELSE r.resource END AS name, n.created_at FROM receivers r JOIN notifications n ON n.receiver_id = r.id WHERE n.state = 'pending' LIMIT $2) counted
     GROUP BY counted.name
     UNION ALL SELECT 'waiting_lines', '', COUNT(*), NULL
     FROM (SELECT 1 FROM order_lines WHERE waiting_since IS NOT NULL LIMIT $2) counted
     UNION ALL SELECT 'holds', '', COUNT(*), NULL FROM (SELECT 1 FROM holds WHERE status = 'active' LIMIT $2) counted
     UNION ALL SELECT 'transfers', '', COUNT(*), NULL FROM (SELECT 1 FROM transfers WHERE status = 'in_transit' LIMIT $2) counted",
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
    let count = |what| find(what, "").map_or(0, |row| row.count);
    let deliveries = |name: &'static str| {
        let row = find("deliveries", name);
        (name, row.map_or(0, |row| row.count), row.and_then(|row| row.oldest))
    };
    Ok(Waiting {
        backlogs: Destination::ALL.map(backlog).into(),
        parked: count("parked"),
        alerts: Severity::ALL.iter().copied().map(open).collect(),
        deliveries: COUNTED_AS.map(deliveries).into(),
        waiting_lines: count("waiting_lines"),
        holds: count("holds"),
        transfers: count("transfers"),
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
