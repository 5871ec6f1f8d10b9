//! Events on their way to webhooks and channels: spread from the outbox, tried, settled, sent again.
//!
//! Whoever tries some holds them by its id as `owner`; while it does they are not due. When it dies they are due again, so that
//! a receiver may get an event twice, with the same id.

use crate::{
    Caller, StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, json},
    filter::Filter,
    paging::{Column, Page, Sorting},
    receivers::{self, Receiver, ReceiverKind, Resource},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    delivery::{Attempt, Delivery, DeliveryState, DisabledReason},
};
use serde::Serialize;
use uuid::Uuid;

/// An event for a receiver.
#[derive(Clone, Debug, Serialize)]
pub struct Notification<'a> {
    /// The receiver.
    pub receiver_id: i64,
    /// Where the event is in the outbox.
    pub seq: i64,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: &'a str,
}

/// How long events of an export wait for others, so that files are not many and small.
pub const GATHER_SECONDS: i64 = 60;

/// Puts events on their way, those that are on it already excepted.
///
/// # Errors
/// When the database is away.
pub async fn spread(store: &Store, notifications: &[Notification<'_>], now: Timestamp) -> Result<u64, StoreError> {
    static SPREAD: Sql = Sql::new(
        "INSERT INTO notifications (receiver_id, event_id, event_type, seq, next_at, created_at)
         SELECT n.receiver_id, n.event_id, n.event_type, n.seq,
                CASE WHEN r.kind = 'export' THEN CAST($3 AS BIGINT) ELSE CAST($2 AS BIGINT) END, CAST($2 AS BIGINT)
         FROM {rows $1 n: receiver_id BIGINT, seq BIGINT, event_id UUID, event_type TEXT}
         JOIN receivers r ON r.id = n.receiver_id AND r.enabled = 1
         WHERE true ON CONFLICT (receiver_id, event_id) DO NOTHING",
    );
    if notifications.is_empty() {
        return Ok(0);
    }
    store
        .execute(
            &SPREAD,
            &[
                (&json(notifications)?).into(),
                now.into(),
                now.plus_seconds(GATHER_SECONDS).into(),
            ],
        )
        .await
}

/// Puts an event of its own on the way to one receiver, due at once.
///
/// # Errors
/// When the database is away.
pub async fn add(
    tx: &mut Tx,
    receiver: &Receiver,
    event_id: Uuid,
    event_type: &str,
    body: &str,
) -> Result<Delivery, StoreError> {
    static ADD: Sql = Sql::new(
        "INSERT INTO notifications (receiver_id, event_id, event_type, body, next_at, created_at) VALUES ($1, $2, $3, $4, $5, $5)
         RETURNING id, receiver_id, event_id, event_type, state, next_at, created_at, finished_at",
    );
    let args = [
        receiver.id.into(),
        event_id.into(),
        event_type.into(),
        body.into(),
        tx.now().into(),
    ];
    tx.one(&ADD, &args).await
}

const SELECT: &str = "SELECT n.id, n.receiver_id, n.event_id, n.event_type, n.state, n.next_at, n.created_at, n.finished_at \
                      FROM notifications n JOIN receivers r ON r.id = n.receiver_id";

impl FromRow for Delivery {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let mut delivery = Self {
            id: row.int()?,
            receiver_id: row.int()?,
            event_id: row.uuid()?,
            event_type: row.text()?,
            state: row.word(DeliveryState::parse)?,
            next_at: row.time_opt()?,
            created_at: row.time()?,
            finished_at: row.time_opt()?,
            attempts: Vec::new(),
        };
        if delivery.state != DeliveryState::Pending {
            delivery.next_at = None;
        }
        Ok(delivery)
    }
}

struct Logged {
    notification_id: i64,
    attempt: Attempt,
}

impl FromRow for Logged {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            notification_id: row.int()?,
            attempt: Attempt {
                attempt: row.int()?,
                at: row.time()?,
                duration_ms: row.int()?,
                status: row.int_opt()?,
                problem: row.text_opt()?,
                answer: row.text_opt()?,
            },
        })
    }
}

/// What deliveries may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "n.id")]);

/// Which deliveries.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryFilter {
    /// To webhooks or channels.
    pub resource: Resource,
    /// To this one.
    pub receiver_id: i64,
    /// That are so far.
    pub state: Option<DeliveryState>,
}

impl DeliveryFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.add("n.receiver_id = ?", self.receiver_id);
        filter.opt("n.state = ?", self.state.map(DeliveryState::as_str));
        filter
    }
}

/// A page of deliveries with their attempts.
///
/// # Errors
/// When there is no such receiver.
pub async fn list(store: &Store, filter: &DeliveryFilter, page: Page) -> Result<Vec<Delivery>, StoreError> {
    static ATTEMPTS: Sql = Sql::new(
        "SELECT a.notification_id, a.attempt, a.at, a.duration_ms, a.status, a.problem, a.answer
         FROM {rows $1 r: id BIGINT} JOIN notification_attempts a ON a.notification_id = r.id ORDER BY a.notification_id, a.attempt",
    );
    receivers::get(store, filter.resource, filter.receiver_id).await?;
    let (sql, args) = filter.conditions().page(SELECT, &SORTING, page);
    let mut deliveries: Vec<Delivery> = store.all(sql, &args).await?;
    let ids: Vec<_> = deliveries.iter().map(|delivery| IdRow { id: delivery.id }).collect();
    let logged: Vec<Logged> = store.all(&ATTEMPTS, &[(&json(&ids)?).into()]).await?;
    for one in logged {
        if let Some(delivery) = deliveries
            .iter_mut()
            .find(|delivery| delivery.id == one.notification_id)
        {
            delivery.attempts.push(one.attempt);
        }
    }
    Ok(deliveries)
}

/// How many deliveries.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &DeliveryFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter
        .conditions()
        .count("notifications n JOIN receivers r ON r.id = n.receiver_id");
    store.one(sql, &args).await
}

/// Puts a delivery at the beginning of its schedule again, whatever became of it.
///
/// # Errors
/// When there is none, its receiver is switched off, or its event is no longer kept.
pub async fn redeliver(tx: &mut Tx, resource: Resource, id: i64, action: &'static str) -> Result<Delivery, StoreError> {
    static AGAIN: Sql = Sql::new(
        "UPDATE notifications SET state = 'pending', tries = 0, begun_at = NULL, owner = NULL, next_at = $2, finished_at = NULL WHERE id = $1
         RETURNING id, receiver_id, event_id, event_type, state, next_at, created_at, finished_at",
    );
    static KEPT: Sql = Sql::new(
        "SELECT COUNT(*) FROM notifications n WHERE n.id = $1 AND (n.body IS NOT NULL OR EXISTS (SELECT 1 FROM outbox o WHERE o.seq = n.seq))",
    );
    let find = Sql::interned(format!("{SELECT} WHERE n.id = $1 AND r.resource = $2"));
    let before: Delivery = tx
        .first(find, &[id.into(), resource.as_str().into()])
        .await?
        .ok_or_else(|| Refusal::not_found("delivery", id))?;
    // Whoever settles it holds the receiver, too.
    let receiver = receivers::lock(tx, resource, before.receiver_id, None).await?;
    if !receiver.enabled {
        let detail = format!("{} is switched off", resource.subject(receiver.id));
        return Err(Refusal::conflict(Conflict::ReceiverDisabled, detail).into());
    }
    if tx.one::<i64>(&KEPT, &[id.into()]).await? == 0 {
        let detail = format!("event {} is no longer kept", before.event_id);
        return Err(Refusal::conflict(Conflict::EventGone, detail).into());
    }
    let after: Delivery = tx.one(&AGAIN, &[id.into(), tx.now().into()]).await?;
    tx.audit(action, resource.subject(receiver.id), Some(&before), Some(&after))?;
    Ok(after)
}

/// A delivery to be tried.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its id.
    pub id: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// The event, as it is in the outbox.
    pub body: Option<String>,
    /// Tries ever.
    pub attempts: i64,
    /// Tries of this round through the schedule.
    pub tries: i64,
}

impl FromRow for Due {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            event_id: row.uuid()?,
            body: row.text_opt()?,
            attempts: row.int()?,
            tries: row.int()?,
        })
    }
}

/// A receiver that something is due for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueReceiver {
    /// Its id.
    pub id: i64,
    /// Whether files are written for it.
    pub is_export: bool,
}

impl FromRow for DueReceiver {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            is_export: row.text()? == ReceiverKind::EXPORT,
        })
    }
}

/// Receivers that something is due for.
///
/// # Errors
/// When the database is away.
pub async fn due_receivers(store: &Store, now: Timestamp) -> Result<Vec<DueReceiver>, StoreError> {
    static WHO: Sql = Sql::new(
        "SELECT r.id, r.kind FROM receivers r WHERE r.enabled = 1
         AND EXISTS (SELECT 1 FROM notifications n WHERE n.receiver_id = r.id AND n.state = 'pending' AND n.next_at <= $1) ORDER BY r.id",
    );
    store.all(&WHO, &[now.into()]).await
}

struct Next(Option<Timestamp>);

impl FromRow for Next {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        row.time_opt().map(Self)
    }
}

/// When something is due next; `None`: nothing is on its way.
///
/// # Errors
/// When the database is away.
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    static NEXT: Sql = Sql::new("SELECT MIN(next_at) FROM notifications WHERE state = 'pending'");
    store.one::<Next>(&NEXT, &[]).await.map(|Next(at)| at)
}

static ENABLED: Sql = Sql::new(
    "SELECT id, resource, kind, name, details, secrets, seal, enabled, disabled_reason, failing_since, version, created_at, updated_at
     FROM receivers WHERE id = $1 AND enabled = 1",
);

/// Takes on at most `limit` deliveries that are due to a receiver, until `lease_until`; the receiver as it is now comes with them.
///
/// # Errors
/// When the database is away.
pub async fn claim(
    store: &Store,
    receiver_id: i64,
    owner: Uuid,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
) -> Result<Option<(Receiver, Vec<Due>)>, StoreError> {
    static CLAIM: Sql = Sql::new(
        "UPDATE notifications SET owner = $1, next_at = $2, begun_at = COALESCE(begun_at, $3)
         WHERE id IN (SELECT id FROM notifications WHERE receiver_id = $4 AND state = 'pending' AND next_at <= $3 ORDER BY next_at, id LIMIT $5 {free})",
    );
    static READ: Sql = Sql::new(
        "SELECT n.id, n.event_id, COALESCE(n.body, o.body), n.attempts, n.tries
         FROM notifications n LEFT JOIN outbox o ON o.seq = n.seq WHERE n.owner = $1 ORDER BY n.id",
    );
    let args = [
        owner.into(),
        lease_until.into(),
        now.into(),
        receiver_id.into(),
        limit.into(),
    ];
    if store.execute(&CLAIM, &args).await? == 0 {
        return Ok(None);
    }
    let Some(receiver) = store.first(&ENABLED, &[receiver_id.into()]).await? else {
        return Ok(None);
    };
    Ok(Some((receiver, store.all(&READ, &[owner.into()]).await?)))
}

/// Events of an export that make one file, however often it is tried.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The export as it is now.
    pub receiver: Receiver,
    /// Its id: deliveries are held by it until they are settled.
    pub id: Uuid,
    /// The events, in the order of the outbox; one at least.
    pub events: Vec<Exported>,
}

/// An event of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Exported {
    /// The delivery.
    pub due: Due,
    /// Its place in the outbox; 0: it was never there.
    pub seq: i64,
    /// When it happened.
    pub time: Timestamp,
}

impl FromRow for Exported {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            due: Due::from_row(row)?,
            seq: row.int()?,
            time: row.time()?,
        })
    }
}

struct Begun {
    id: Uuid,
    next_at: Timestamp,
}

impl FromRow for Begun {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.uuid()?,
            next_at: row.time()?,
        })
    }
}

/// Takes on the events that make the next file of an export, until `lease_until`: those of a file that was begun and is due again,
/// else everything that is on its way, at most `limit`. One file of an export is begun at a time.
///
/// # Errors
/// When the database is away.
pub async fn claim_batch(
    store: &Store,
    receiver_id: i64,
    id: Uuid,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
) -> Result<Option<Batch>, StoreError> {
    static BEGUN: Sql = Sql::new(
        "SELECT owner, next_at FROM notifications WHERE receiver_id = $1 AND state = 'pending' AND owner IS NOT NULL ORDER BY next_at LIMIT 1",
    );
    static AGAIN: Sql = Sql::new(
        "UPDATE notifications SET next_at = $2 WHERE owner = $1 AND receiver_id = $4 AND state = 'pending' AND next_at <= $3",
    );
    static TAKE: Sql = Sql::new(
        "UPDATE notifications SET owner = $1, next_at = $2, begun_at = $3
         WHERE id IN (SELECT id FROM notifications WHERE receiver_id = $4 AND state = 'pending' AND owner IS NULL ORDER BY next_at, id LIMIT $5 {free})",
    );
    static READ: Sql = Sql::new(
        "SELECT n.id, n.event_id, COALESCE(n.body, o.body), n.attempts, n.tries, COALESCE(n.seq, 0), COALESCE(o.time, n.created_at)
         FROM notifications n LEFT JOIN outbox o ON o.seq = n.seq WHERE n.owner = $1 AND n.receiver_id = $2 AND n.state = 'pending'
         ORDER BY COALESCE(n.seq, 0), n.id",
    );
    let begun: Option<Begun> = store.first(&BEGUN, &[receiver_id.into()]).await?;
    let id = match begun {
        // What came meanwhile is for the next file, and no reason to look before this one is tried again.
        Some(begun) if begun.next_at > now => {
            put_off(store, receiver_id, begun.next_at).await?;
            return Ok(None);
        }
        Some(begun) => {
            let args = [begun.id.into(), lease_until.into(), now.into(), receiver_id.into()];
            if store.execute(&AGAIN, &args).await? == 0 {
                return Ok(None);
            }
            begun.id
        }
        None => {
            let args = [
                id.into(),
                lease_until.into(),
                now.into(),
                receiver_id.into(),
                limit.into(),
            ];
            if store.execute(&TAKE, &args).await? == 0 {
                return Ok(None);
            }
            id
        }
    };
    let Some(receiver) = store.first(&ENABLED, &[receiver_id.into()]).await? else {
        return Ok(None);
    };
    let events: Vec<Exported> = store.all(&READ, &[id.into(), receiver_id.into()]).await?;
    Ok((!events.is_empty()).then_some(Batch { receiver, id, events }))
}

/// Nothing more is due to an export before the file that was begun is.
async fn put_off(store: &Store, receiver_id: i64, until: Timestamp) -> Result<(), StoreError> {
    static PUT_OFF: Sql = Sql::new(
        "UPDATE notifications SET next_at = $2 WHERE receiver_id = $1 AND state = 'pending' AND owner IS NULL AND next_at < $2",
    );
    store
        .execute(&PUT_OFF, &[receiver_id.into(), until.into()])
        .await
        .map(drop)
}

/// Records the try of a batch. What failed stays together under the same id.
///
/// # Errors
/// As [`settle`].
pub async fn settle_batch(store: &Store, batch: &Batch, tried: &[Tried], now: Timestamp) -> Result<bool, StoreError> {
    settle_held(store, batch.receiver.id, batch.id, tried, now, true).await
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// Try again then.
    Later(Timestamp),
    /// That was the last try of the schedule.
    Exhausted,
    /// The receiver does not want to be told any more.
    Gone,
}

/// A try and what became of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The delivery.
    pub id: i64,
    /// How the try went.
    pub attempt: Attempt,
    /// What became of it.
    pub outcome: Outcome,
}

#[derive(Serialize)]
struct IdRow {
    id: i64,
}

#[derive(Serialize)]
struct TriedRow<'a> {
    id: i64,
    state: &'static str,
    next_at: i64,
    finished_at: Option<i64>,
    attempt: i64,
    at: i64,
    duration_ms: i64,
    status: Option<i64>,
    problem: Option<&'a str>,
    answer: Option<&'a str>,
}

/// Records tries, notes how the receiver fares, and switches it off where it does not want to be told any more or has failed for
/// as long as the whole schedule takes; `true`: it did.
///
/// # Errors
/// When the database is away; then the deliveries are tried again when the lease has run out.
pub async fn settle(
    store: &Store,
    receiver_id: i64,
    owner: Uuid,
    tried: &[Tried],
    now: Timestamp,
) -> Result<bool, StoreError> {
    settle_held(store, receiver_id, owner, tried, now, false).await
}

async fn settle_held(
    store: &Store,
    receiver_id: i64,
    owner: Uuid,
    tried: &[Tried],
    now: Timestamp,
    stays_together: bool,
) -> Result<bool, StoreError> {
    static LOG: Sql = Sql::new(
        "INSERT INTO notification_attempts (notification_id, attempt, at, duration_ms, status, problem, answer)
         SELECT r.id, r.attempt, r.at, r.duration_ms, r.status, r.problem, r.answer
         FROM {rows $1 r: id BIGINT, attempt BIGINT, at BIGINT, duration_ms BIGINT, status BIGINT, problem TEXT, answer TEXT}
         JOIN notifications n ON n.id = r.id AND n.owner = $2
         WHERE true ON CONFLICT (notification_id, attempt) DO NOTHING",
    );
    static MARK: Sql = Sql::new(
        "UPDATE notifications AS n SET state = CASE WHEN n.state = 'failed' AND r.state = 'pending' THEN n.state ELSE r.state END,
                next_at = r.next_at, finished_at = COALESCE(r.finished_at, n.finished_at), attempts = r.attempt, tries = n.tries + 1,
                owner = CASE WHEN r.state = 'pending' AND $3 = 1 THEN n.owner END
         FROM {rows $1 r: id BIGINT, state TEXT, next_at BIGINT, finished_at BIGINT, attempt BIGINT}
         WHERE n.id = r.id AND n.owner = $2",
    );
    static LASTING: Sql = Sql::new(
        "SELECT COUNT(*) FROM {rows $1 q: id BIGINT} JOIN notifications n ON n.id = q.id WHERE n.begun_at >= $2",
    );
    static FAILING: Sql = Sql::new("UPDATE receivers SET failing_since = $2, version = version + 1 WHERE id = $1");
    static WELL: Sql = Sql::new("UPDATE receivers SET failing_since = NULL, version = version + 1 WHERE id = $1");
    let row = |one: &'_ Tried| {
        let (state, next_at, finished_at) = match one.outcome {
            Outcome::Delivered => ("delivered", now, Some(now)),
            Outcome::Later(at) => ("pending", at, None),
            Outcome::Exhausted | Outcome::Gone => ("failed", now, Some(now)),
        };
        (state, next_at.micros(), finished_at.map(Timestamp::micros))
    };
    let rows: Vec<TriedRow<'_>> = tried
        .iter()
        .map(|one| {
            let (state, next_at, finished_at) = row(one);
            TriedRow {
                id: one.id,
                state,
                next_at,
                finished_at,
                attempt: one.attempt.attempt,
                at: one.attempt.at.micros(),
                duration_ms: one.attempt.duration_ms,
                status: one.attempt.status,
                problem: one.attempt.problem.as_deref(),
                answer: one.attempt.answer.as_deref(),
            }
        })
        .collect();
    let rows = json(&rows)?;
    let with = |outcome| tried.iter().any(|one| one.outcome == outcome);
    let mut tx = store.begin_at(Caller::new("webhooks", ""), now);
    // The receiver first, as whoever changes it does.
    let lock = Sql::interned(receivers::locked());
    let Some(mut receiver): Option<Receiver> = tx.first(lock, &[receiver_id.into()]).await? else {
        return Ok(false);
    };
    tx.execute(&LOG, &[(&rows).into(), owner.into()]).await?;
    let mark = [(&rows).into(), owner.into(), i64::from(stays_together).into()];
    tx.execute(&MARK, &mark).await?;
    let mut reason = with(Outcome::Gone).then_some(DisabledReason::Gone);
    if with(Outcome::Delivered) {
        if receiver.failing_since.is_some() {
            tx.execute(&WELL, &[receiver_id.into()]).await?;
            receiver.version += 1;
        }
    } else if let Some(first) = tried.iter().map(|one| one.attempt.at).min() {
        if receiver.failing_since.is_none() {
            tx.execute(&FAILING, &[receiver_id.into(), first.into()]).await?;
            receiver.version += 1;
        }
        let since = *receiver.failing_since.get_or_insert(first);
        let last: Vec<_> = tried
            .iter()
            .filter(|one| one.outcome == Outcome::Exhausted)
            .map(|one| IdRow { id: one.id })
            .collect();
        // Nothing has reached it since this one was tried for the first time.
        if !last.is_empty() && tx.one::<i64>(&LASTING, &[(&json(&last)?).into(), since.into()]).await? > 0 {
            reason = reason.or(Some(DisabledReason::Failing));
        }
    }
    let reason = reason.filter(|_| receiver.enabled);
    if let Some(reason) = reason {
        receivers::disable(&mut tx, &receiver, reason).await?;
    }
    tx.commit().await?;
    Ok(reason.is_some())
}

/// Gives back what was taken on and not tried.
///
/// # Errors
/// When the database is away; then it is due when the lease has run out.
pub async fn release(store: &Store, owner: Uuid, at: Timestamp) -> Result<(), StoreError> {
    static RELEASE: Sql = Sql::new("UPDATE notifications SET owner = NULL, next_at = $2 WHERE owner = $1");
    store.execute(&RELEASE, &[owner.into(), at.into()]).await.map(drop)
}

/// Forgets deliveries that ended before `before`; at most `limit` of them.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    static PRUNE: Sql = Sql::new(
        "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE finished_at IS NOT NULL AND finished_at < $1 ORDER BY finished_at LIMIT $2)",
    );
    store.execute(&PRUNE, &[before.into(), limit.into()]).await
}
