//! Transactions. A [`Tx`] gathers what its changes leave behind (movements, audit rows, events) and writes it when it
//! commits, in the same transaction as the changes (invariant I6).

use super::{Arg, Engine, FromRow, Reader, Run, Sql, Store, StoreError, Write, WriteSet, arg, clock, json, pool::Pool};
use crate::{
    TraceParent,
    changes::{Kept, Told},
};
use inventory_domain::{
    Timestamp,
    event::{Event, EventType},
    movement::{MovementKind, Reason},
};
use serde::Serialize;
use sqlx::{Postgres, Sqlite, Transaction};
use std::{collections::HashMap, net::IpAddr};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// The destinations of events.
pub(crate) mod destination {
    /// The queue of orders to be decided.
    pub(crate) const ORDERS_QUEUE: &str = "queue:orders";
    /// The topic that everybody may listen to.
    pub(crate) const EVENTS_TOPIC: &str = "topic:inventory-events";
    /// The long-term event history.
    pub(crate) const EVENT_HISTORY: &str = "history:events";
    /// Webhooks and channels: from there each event goes to those that want it.
    pub(crate) const RECEIVERS: &str = "receivers";
}

/// Who does something, for the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who: `anonymous` until there are identities, else the program's own part (`stock_sweep`).
    pub actor: String,
    /// The request or invocation it belongs to.
    pub request_id: String,
    /// The client's address, where the request came from one.
    pub address: Option<IpAddr>,
    /// Where in which trace it is done, where there is one.
    pub trace: Option<TraceParent>,
}

impl Caller {
    /// A caller.
    pub fn new(actor: impl Into<String>, request_id: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            request_id: request_id.into(),
            address: None,
            trace: None,
        }
    }

    /// The same caller, at this place in a trace.
    #[must_use]
    pub const fn within(mut self, trace: Option<TraceParent>) -> Self {
        self.trace = trace;
        self
    }

    /// The same caller, at this address.
    #[must_use]
    pub fn at(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

#[derive(Serialize)]
pub(crate) struct MovementRow {
    pub(crate) stock_item_id: i64,
    pub(crate) kind: MovementKind,
    pub(crate) on_hand_delta: i64,
    pub(crate) reserved_delta: i64,
    pub(crate) on_hand_after: i64,
    pub(crate) reserved_after: i64,
    pub(crate) reason: Option<Reason>,
    pub(crate) note: Option<String>,
    pub(crate) order_id: Option<Uuid>,
}

#[derive(Serialize)]
struct AuditRow {
    action: &'static str,
    entity: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct EventRow {
    event_id: Uuid,
    subject: String,
    #[serde(rename = "type")]
    event_type: EventType,
    body: String,
    time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
}

/// Where events of a type go.
#[derive(PartialEq, Eq, Serialize)]
struct Route {
    #[serde(rename = "type")]
    event_type: EventType,
    destination: &'static str,
}

#[derive(Serialize)]
struct Stamped<'a, T> {
    #[serde(flatten)]
    row: &'a T,
    actor: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    at: i64,
}

/// What every transaction leaves behind.
pub(crate) const RECORDS: &[Write] = &[
    Write {
        name: "movements",
        sql: "INSERT INTO movements (stock_item_id, kind, on_hand_delta, reserved_delta, on_hand_after, reserved_after, reason, note, order_id, actor, created_at)
              SELECT stock_item_id, kind, on_hand_delta, reserved_delta, on_hand_after, reserved_after, reason, note, order_id, actor, at
              FROM {rows $rows r: stock_item_id BIGINT, kind TEXT, on_hand_delta BIGINT, reserved_delta BIGINT, on_hand_after BIGINT, reserved_after BIGINT, reason TEXT, note TEXT, order_id UUID, actor TEXT, at BIGINT}",
    },
    Write {
        name: "audit",
        sql: "INSERT INTO audit (at, actor, address, request_id, action, entity, before, after)
              SELECT at, actor, address, request_id, action, entity, before, after
              FROM {rows $rows r: at BIGINT, actor TEXT, address TEXT, request_id TEXT, action TEXT, entity TEXT, before TEXT, after TEXT}",
    },
    // The sequence number is taken here, after the row locks: events of one subject have numbers in the order of commit.
    Write {
        name: "outbox",
        sql: "INSERT INTO outbox (event_id, subject, type, body, time, traceparent)
              SELECT event_id, subject, type, body, time, traceparent
              FROM {rows $rows r: event_id UUID, subject TEXT, type TEXT, body TEXT, time BIGINT, traceparent TEXT}
              RETURNING seq, type, subject",
    },
    Write {
        name: "deliveries",
        // By type and not by event: two or three routes, however many events, so that the joins cost nothing. Where somebody has
        // subscribed to such events there is one route more; it is looked up here, so that whatever is committed after a
        // subscription was has it. What only the queue is sent is nobody else's.
        sql: "INSERT INTO deliveries (seq, destination, subject, next_at)
              SELECT o.seq, q.destination, o.subject, 0
              FROM (SELECT r.type, r.destination FROM {rows $rows r: type TEXT, destination TEXT}
                    UNION SELECT t.type, s.destination FROM subscriptions s JOIN {rows $rows t: type TEXT}
                    ON substr(t.type, 1, length(s.prefix)) = s.prefix WHERE t.type <> 'inventory.message.resent'
              ) q JOIN {new outbox after deliveries} o ON o.type = q.type",
    },
    // A key that was stored meanwhile breaks the primary key: the work is undone, the caller asks again and gets the reply.
    Write {
        name: "idempotency",
        sql: "INSERT INTO idempotency_keys (scope, key, fingerprint, reply, created_at)
              SELECT scope, key, fingerprint, reply, created_at
              FROM {rows $rows r: scope TEXT, key TEXT, fingerprint TEXT, reply TEXT, created_at BIGINT}",
    },
];

static RECORDS_ONLY: WriteSet = WriteSet::new(&[RECORDS]);

enum Connection {
    /// Nothing executed yet: begins with the first statement.
    None,
    Postgres(Transaction<'static, Postgres>),
    /// With the permit to write: SQLite has one writer, and who waits for a permit is served in turn.
    Sqlite(Transaction<'static, Sqlite>, OwnedSemaphorePermit),
}

/// A writing transaction. Dropped without [`Tx::commit`] it leaves nothing.
pub struct Tx {
    store: Store,
    connection: Connection,
    caller: Caller,
    now: Timestamp,
    movements: Vec<MovementRow>,
    audit: Vec<AuditRow>,
    events: Vec<EventRow>,
    routes: Vec<Route>,
    set: &'static WriteSet,
    /// Whether this is one write and nothing else, which may share its commit with others.
    group: bool,
    staged: HashMap<&'static str, String>,
    /// Products of which more can be promised when this commits.
    came: Vec<i64>,
    /// What others may keep and this changes.
    changed: Vec<(Kept, i64)>,
}

impl Store {
    /// Starts a transaction; the database hears of it with the first statement.
    pub fn begin(&self, caller: Caller) -> Tx {
        self.begin_at(caller, clock())
    }

    /// Starts a transaction whose clock says `now`.
    pub fn begin_at(&self, caller: Caller, now: Timestamp) -> Tx {
        Tx {
            store: self.clone(),
            connection: Connection::None,
            caller,
            now,
            movements: Vec::new(),
            audit: Vec::new(),
            events: Vec::new(),
            routes: Vec::new(),
            set: &RECORDS_ONLY,
            group: false,
            staged: HashMap::new(),
            came: Vec::new(),
            changed: Vec::new(),
        }
    }
}

impl Store {
    /// Waits until whoever writes just now is done, and lets nobody else write (on SQLite) until what it returns is dropped.
    pub(crate) async fn turn_to_write(&self) -> Result<Tx, StoreError> {
        let mut tx = self.begin(Caller::new("", ""));
        tx.connect().await?;
        Ok(tx)
    }
}

impl Tx {
    /// The moment of everything that this transaction does.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Who does it.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Whether committing will hand events to the relay.
    pub fn has_events(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Whether anything was executed yet.
    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self.connection, Connection::None)
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        if matches!(self.connection, Connection::None) {
            self.connection = match &self.store.pool {
                Pool::Postgres(pool) => {
                    let connection = self.store.acquire(pool).await?;
                    let begin = Transaction::begin(connection, None);
                    Connection::Postgres(self.store.observe(begin).await?)
                }
                Pool::Sqlite(pool) => {
                    let (tx, permit) = self.store.begin_to_write(pool).await?;
                    Connection::Sqlite(tx, permit)
                }
            };
        }
        Ok(())
    }

    /// Rows changed.
    pub(crate) async fn execute(&mut self, sql: &Sql, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        self.connect().await?;
        Ok(match &mut self.connection {
            Connection::Postgres(tx) => {
                let query = arg::bind_postgres(sqlx::query(sql.text(Engine::Postgres)), args);
                self.store.observe(query.execute(&mut **tx)).await?.rows_affected()
            }
            Connection::Sqlite(tx, _) => {
                let query = arg::bind_sqlite(sqlx::query(sql.text(Engine::Sqlite)), args);
                self.store.observe(query.execute(&mut **tx)).await?.rows_affected()
            }
            Connection::None => 0,
        })
    }

    /// Exactly one row.
    pub(crate) async fn one<T: FromRow>(&mut self, sql: &Sql, args: &[Arg<'_>]) -> Result<T, StoreError> {
        self.first(sql, args)
            .await?
            .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))
    }

    /// Records a row of the ledger.
    pub(crate) fn movement(&mut self, movement: MovementRow) {
        self.movements.push(movement);
    }

    /// Records who changed what.
    pub(crate) fn audit<T: Serialize>(
        &mut self,
        action: &'static str,
        entity: impl Into<String>,
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<(), StoreError> {
        let row = AuditRow {
            action,
            entity: entity.into(),
            before: before.map(json).transpose()?,
            after: after.map(json).transpose()?,
        };
        self.audit.push(row);
        Ok(())
    }

    /// Records an event for the topic, for the event history where there is one and, where it is an order to be decided,
    /// for the queue.
    pub(crate) fn event<T: Serialize>(
        &mut self,
        event_type: EventType,
        subject: String,
        data: &T,
    ) -> Result<(), StoreError> {
        self.event_within(self.caller.trace, event_type, subject, data)
    }

    /// As [`Tx::event`], at another place in a trace than the caller's.
    pub(crate) fn event_within<T: Serialize>(
        &mut self,
        trace: Option<TraceParent>,
        event_type: EventType,
        subject: String,
        data: &T,
    ) -> Result<(), StoreError> {
        if let (Some(kept), Some((_, id))) = (Kept::of(event_type), subject.rsplit_once('/')) {
            // Their subjects end with their ids.
            self.changed.extend(id.parse().ok().map(|id| (kept, id)));
        }
        let event_id = Uuid::now_v7();
        let body = json(&Event::new(event_id, event_type, &subject, self.now, data))?;
        self.route(event_type, destination::EVENTS_TOPIC);
        if event_type == EventType::OrderPlaced {
            self.route(event_type, destination::ORDERS_QUEUE);
        }
        if self.store.keeps_event_history {
            self.route(event_type, destination::EVENT_HISTORY);
        }
        self.events.push(EventRow {
            event_id,
            subject,
            event_type,
            body,
            time: self.now.micros(),
            traceparent: trace,
        });
        Ok(())
    }

    fn route(&mut self, event_type: EventType, destination: &'static str) {
        let route = Route {
            event_type,
            destination,
        };
        if !self.routes.contains(&route) {
            self.routes.push(route);
        }
    }

    /// Notes that more units of a product can be promised when this commits: orders that wait for it are looked at then.
    pub(crate) fn stock_came(&mut self, product_id: i64) {
        self.came.push(product_id);
    }

    /// Records a message that goes to the orders queue as it is. Its type is that of no event: types say where things go.
    pub(crate) fn queue_message(&mut self, event_type: EventType, subject: String, body: String) {
        let event_id = Uuid::now_v7();
        self.route(event_type, destination::ORDERS_QUEUE);
        self.events.push(EventRow {
            event_id,
            subject,
            event_type,
            body,
            time: self.now.micros(),
            traceparent: self.caller.trace,
        });
    }

    /// Leaves `rows` to be written by `set` (which must contain [`RECORDS`]) with everything recorded, when this commits.
    /// One set a transaction: what is staged twice for one write would be lost, so the second is refused.
    pub(crate) fn stage(
        &mut self,
        set: &'static WriteSet,
        rows: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<(), StoreError> {
        if !self.staged.is_empty() {
            return Err(StoreError::Internal(sqlx::Error::Encode(
                "a transaction stages its writes once".into(),
            )));
        }
        self.set = set;
        self.staged.extend(rows);
        Ok(())
    }

    /// As [`Tx::stage`], for a write that may share its commit with others of the same set; `set` must be the only one that
    /// is ever staged so.
    pub(crate) fn stage_grouped(
        &mut self,
        set: &'static WriteSet,
        rows: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<(), StoreError> {
        self.group = true;
        self.stage(set, rows)
    }

    /// Stores the reply to a request with its idempotency key when this commits.
    pub(crate) fn stage_reply(&mut self, row: String) {
        self.staged.insert("idempotency", row);
    }

    /// Writes everything recorded and commits.
    ///
    /// # Errors
    /// When the database refuses or is away. After an error of the commit itself the outcome is unknown to the caller; all
    /// operations are safe to repeat.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.changed.is_empty() {
            return self.finish().await;
        }
        let told = Told::new(self.store.clone(), std::mem::take(&mut self.changed));
        let result = self.finish().await;
        told.over();
        result
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        let mut rows = std::mem::take(&mut self.staged);
        let (actor, request_id, at) = (
            self.caller.actor.as_str(),
            self.caller.request_id.as_str(),
            self.now.micros(),
        );
        let address = self.caller.address;
        let movements: Vec<_> = self
            .movements
            .iter()
            .map(|row| Stamped {
                row,
                actor,
                request_id,
                address: None,
                at,
            })
            .collect();
        let audit: Vec<_> = self
            .audit
            .iter()
            .map(|row| Stamped {
                row,
                actor,
                request_id,
                address,
                at,
            })
            .collect();
        if !(movements.is_empty() && audit.is_empty() && self.events.is_empty() && rows.is_empty()) {
            rows.insert("movements", json(&movements)?);
            rows.insert("audit", json(&audit)?);
            rows.insert("outbox", json(&self.events)?);
            rows.insert("deliveries", json(&self.routes)?);
            if self.group && matches!(self.connection, Connection::None) {
                return self.store.commit_grouped(self.set, rows).await;
            }
            self.write(self.set, &rows).await?;
        }
        match self.connection {
            Connection::None => {}
            Connection::Postgres(tx) => self.store.observe(tx.commit()).await?,
            Connection::Sqlite(tx, _permit) => self.store.observe(tx.commit()).await?,
        }
        self.store.arrivals.note(self.came);
        Ok(())
    }

    /// Executes a set of writes as part of this transaction; one that has executed nothing yet and will execute nothing else
    /// is not begun on PostgreSQL, where one statement is a transaction by itself: two round trips are saved.
    async fn write(&mut self, set: &'static WriteSet, rows: &HashMap<&'static str, String>) -> Result<(), StoreError> {
        if matches!(self.connection, Connection::None) {
            return self.store.write_alone(set, rows).await;
        }
        match &mut self.connection {
            Connection::Postgres(tx) => write_postgres(&self.store, &mut **tx, set, rows).await,
            Connection::Sqlite(tx, _) => write_sqlite(&self.store, tx, set, rows).await,
            Connection::None => Ok(()),
        }
    }
}

async fn write_postgres<'e>(
    store: &Store,
    executor: impl sqlx::PgExecutor<'e>,
    set: &'static WriteSet,
    rows: &HashMap<&'static str, String>,
) -> Result<(), StoreError> {
    let mut query = sqlx::query(set.postgres());
    for parameter in set.parameters(rows) {
        query = query.bind(parameter);
    }
    store.observe(query.execute(executor)).await?;
    Ok(())
}

async fn write_sqlite(
    store: &Store,
    tx: &mut Transaction<'static, Sqlite>,
    set: &'static WriteSet,
    rows: &HashMap<&'static str, String>,
) -> Result<(), StoreError> {
    for (text, parameter) in set.sqlite().iter().zip(set.parameters(rows)) {
        if parameter != "[]" {
            let query = sqlx::query(*text).bind(parameter);
            store.observe(query.execute(&mut **tx)).await?;
        }
    }
    Ok(())
}

impl Store {
    /// Executes a set of writes in a transaction of its own.
    pub(super) async fn write_alone(
        &self,
        set: &'static WriteSet,
        rows: &HashMap<&'static str, String>,
    ) -> Result<(), StoreError> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let mut connection = self.acquire(pool).await?;
                write_postgres(self, &mut *connection, set, rows).await
            }
            Pool::Sqlite(pool) => {
                let (mut tx, _permit) = self.begin_to_write(pool).await?;
                write_sqlite(self, &mut tx, set, rows).await?;
                Ok(self.observe(tx.commit()).await?)
            }
        }
    }
}

impl Run for &mut Tx {
    async fn all<T: FromRow>(self, sql: &Sql, args: &[Arg<'_>]) -> Result<Vec<T>, StoreError> {
        self.connect().await?;
        match &mut self.connection {
            Connection::Postgres(tx) => {
                let query = arg::bind_postgres(sqlx::query(sql.text(Engine::Postgres)), args);
                let rows = self.store.observe(query.fetch_all(&mut **tx)).await?;
                rows.iter().map(|row| T::from_row(&mut Reader::postgres(row))).collect()
            }
            Connection::Sqlite(tx, _) => {
                let query = arg::bind_sqlite(sqlx::query(sql.text(Engine::Sqlite)), args);
                let rows = self.store.observe(query.fetch_all(&mut **tx)).await?;
                rows.iter().map(|row| T::from_row(&mut Reader::sqlite(row))).collect()
            }
            Connection::None => Ok(Vec::new()),
        }
    }

    async fn first<T: FromRow>(self, sql: &Sql, args: &[Arg<'_>]) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }
}
