//! The outbox in the database: which events still have to be sent where.
//!
//! A relay leases whole subjects, so that no event of a subject overtakes an earlier one, whichever instance sends it. The lease
//! is taken first and the events are read after, so every event that was committed before the lease is seen.

use crate::{
    StoreError, TraceParent,
    db::{FromRow, Reader, Run as _, Sql, Store, destination, json},
};
use inventory_domain::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// Where events are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The queue of orders to be decided.
    OrdersQueue,
    /// The topic that everybody may listen to.
    EventsTopic,
    /// The long-term event history, where there is one.
    EventHistory,
    /// Webhooks and channels, where there are some: they are spread from there.
    Receivers,
}

impl Destination {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OrdersQueue,
        Self::EventsTopic,
        Self::EventHistory,
        Self::Receivers,
    ];

    /// Its name in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrdersQueue => destination::ORDERS_QUEUE,
            Self::EventsTopic => destination::EVENTS_TOPIC,
            Self::EventHistory => destination::EVENT_HISTORY,
            Self::Receivers => destination::RECEIVERS,
        }
    }
}

/// An event to be sent.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its place in the outbox.
    pub seq: i64,
    /// Its id: the message id.
    pub event_id: Uuid,
    /// Its subject: the session id.
    pub subject: String,
    /// Its type.
    pub event_type: String,
    /// The bytes to send.
    pub body: String,
    /// When it was written.
    pub time: Timestamp,
    /// Where in which trace it was written, where there was one.
    pub trace: Option<TraceParent>,
    /// How often it was tried.
    pub attempts: i64,
}

impl FromRow for Pending {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.int()?,
            event_id: row.uuid()?,
            subject: row.text()?,
            event_type: row.text()?,
            body: row.text()?,
            time: row.time()?,
            // What is no place in a trace is no reason to keep an event back.
            trace: row.text_opt()?.and_then(|text| text.parse().ok()),
            attempts: row.int()?,
        })
    }
}

/// Leases subjects with events that are due at `destination` and reads their events, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn claim(
    store: &Store,
    destination: Destination,
    owner: Uuid,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
) -> Result<Vec<Pending>, StoreError> {
    // Sorted by subject, so that two relays which meet wait for each other instead of dead-locking.
    static LEASE: Sql = Sql::new(
        "INSERT INTO relay_leases (destination, subject, owner, expires_at)
         SELECT DISTINCT CAST($1 AS TEXT), d.subject, $2, $3 FROM (
             SELECT e.subject FROM deliveries e
             WHERE e.destination = $1 AND e.state = 'pending' AND e.next_at <= $4
               AND NOT EXISTS (SELECT 1 FROM relay_leases x WHERE x.destination = $1 AND x.subject = e.subject AND x.expires_at > $4)
               AND NOT EXISTS (SELECT 1 FROM deliveries f WHERE f.destination = $1 AND f.subject = e.subject AND f.state = 'pending' AND f.next_at > 0 AND f.next_at > $4)
             ORDER BY e.seq LIMIT $5) d
         WHERE true ORDER BY d.subject
         ON CONFLICT (destination, subject) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
         WHERE relay_leases.expires_at <= $4",
    );
    static READ: Sql = Sql::new(
        "SELECT o.seq, o.event_id, o.subject, o.type, o.body, o.time, o.traceparent, d.attempts
         FROM relay_leases x JOIN deliveries d ON d.destination = x.destination AND d.subject = x.subject AND d.state = 'pending'
         JOIN outbox o ON o.seq = d.seq WHERE x.destination = $1 AND x.owner = $2 ORDER BY o.seq LIMIT $3",
    );
    let name = destination.as_str();
    let lease = [name.into(), owner.into(), lease_until.into(), now.into(), limit.into()];
    if store.execute(&LEASE, &lease).await? == 0 {
        return Ok(Vec::new());
    }
    store.all(&READ, &[name.into(), owner.into(), (limit * 2).into()]).await
}

#[derive(Serialize)]
struct SeqRow<'a> {
    seq: i64,
    state: &'static str,
    next_at: i64,
    detail: Option<&'a str>,
}

/// What became of sending an event.
#[derive(Clone, Debug)]
pub enum Sent {
    /// The destination has it.
    Yes,
    /// Not yet: try again then.
    Later(Timestamp),
    /// Never: the destination refuses it for this reason.
    Refused(String),
}

/// Records what became of events and gives the leases back.
///
/// # Errors
/// When the database is away; the events are then sent again, with the same ids, when the leases have run out.
pub async fn settle(
    store: &Store,
    destination: Destination,
    owner: Uuid,
    results: &[(i64, Sent)],
) -> Result<(), StoreError> {
    static MARK: Sql = Sql::new(
        "UPDATE deliveries AS d SET state = r.state, next_at = r.next_at, detail = r.detail, attempts = d.attempts + 1
         FROM {rows $2 r: seq BIGINT, state TEXT, next_at BIGINT, detail TEXT} WHERE d.seq = r.seq AND d.destination = $1 AND d.state = 'pending'",
    );
    let rows: Vec<SeqRow<'_>> = results
        .iter()
        .map(|(seq, sent)| match sent {
            Sent::Yes => SeqRow {
                seq: *seq,
                state: "sent",
                next_at: 0,
                detail: None,
            },
            Sent::Later(at) => SeqRow {
                seq: *seq,
                state: "pending",
                next_at: at.micros(),
                detail: None,
            },
            Sent::Refused(detail) => SeqRow {
                seq: *seq,
                state: "failed",
                next_at: 0,
                detail: Some(detail),
            },
        })
        .collect();
    if !rows.is_empty() {
        store
            .execute(&MARK, &[destination.as_str().into(), (&json(&rows)?).into()])
            .await?;
    }
    release(store, destination, owner).await
}

/// Gives the leases of `owner` back.
///
/// # Errors
/// When the database is away; the leases then run out by themselves.
pub async fn release(store: &Store, destination: Destination, owner: Uuid) -> Result<(), StoreError> {
    static RELEASE: Sql = Sql::new("DELETE FROM relay_leases WHERE destination = $1 AND owner = $2");
    store
        .execute(&RELEASE, &[destination.as_str().into(), owner.into()])
        .await
        .map(drop)
}

/// Events that still have to be sent, over all destinations.
///
/// # Errors
/// When the database is away.
pub async fn pending(store: &Store) -> Result<i64, StoreError> {
    static PENDING: Sql = Sql::new("SELECT COUNT(*) FROM deliveries WHERE state = 'pending'");
    store.one(&PENDING, &[]).await
}

/// Forgets events from before `before` that have reached all destinations; at most `limit` of them.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    static PRUNE: Sql = Sql::new(
        "DELETE FROM outbox WHERE seq IN (
             SELECT o.seq FROM outbox o WHERE o.time < $1
             AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = o.seq AND d.state <> 'sent')
             AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.seq = o.seq AND n.state = 'pending')
             ORDER BY o.time LIMIT $2)",
    );
    store.execute(&PRUNE, &[before.into(), limit.into()]).await
}
