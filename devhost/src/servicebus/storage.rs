//! The SQLite file: what is written before anything is acknowledged.
//!
//! Every write joins the transaction of the engine's round (see `engine`); [`Storage::commit`] makes the round durable
//! with one `fsync`. Locks are not stored: they lapse when the broker restarts, as the messages' senders and receivers
//! must be prepared for anyway.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, named_params, params};

use super::directory::{EntityInfo, Kind};
use super::error::BrokerError;
use super::message::{Envelope, restore};
use super::options::QueueOptions;

/// The version of the tables below.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE entities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT NOT NULL CHECK (kind IN ('queue', 'topic', 'subscription')),
    topic INTEGER REFERENCES entities (id) CHECK ((topic IS NOT NULL) = (kind = 'subscription')),
    options TEXT NOT NULL
) STRICT;
-- Times are microseconds since the Unix epoch. A scheduled message of a topic belongs to the topic; when its time has
-- come it is copied to the subscriptions.
CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY,
    entity INTEGER NOT NULL REFERENCES entities (id),
    state TEXT NOT NULL CHECK (state IN ('ready', 'scheduled', 'dead')),
    delivery_count INTEGER NOT NULL DEFAULT 0,
    enqueued_at INTEGER NOT NULL,
    expires_at INTEGER,
    message_id TEXT NOT NULL,
    time_to_live INTEGER,
    properties TEXT NOT NULL,
    dead_letter_reason TEXT,
    dead_letter_description TEXT,
    body BLOB NOT NULL
) STRICT;
-- Message ids of entities that detect duplicates.
CREATE TABLE seen (
    entity INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (entity, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);
CREATE TABLE sequence (next INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (1);
";

/// How often remembered message ids whose time is over are deleted, in microseconds.
const PRUNE_INTERVAL: i64 = 60_000_000;

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Scheduled,
    Dead,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Scheduled => "scheduled",
            Self::Dead => "dead",
        }
    }
}

/// What the engine keeps in memory of a message.
#[derive(Debug)]
pub(super) struct IndexRow {
    pub(super) sequence: i64,
    pub(super) entity: i64,
    pub(super) state: State,
    pub(super) delivery_count: u32,
    pub(super) enqueued_at: i64,
    pub(super) expires_at: Option<i64>,
}

/// What a receiver gets, read from the file.
#[derive(Debug)]
pub(super) struct ContentRow {
    pub(super) message: super::BrokerMessage,
    pub(super) enqueued_at: i64,
    pub(super) dead_letter_reason: Option<String>,
    pub(super) dead_letter_description: Option<String>,
}

/// The open file.
pub(super) struct Storage {
    connection: Connection,
    in_transaction: bool,
    next_sequence: i64,
    stored_sequence: i64,
    pruned_at: i64,
}

impl Storage {
    /// Opens or creates the file, for this process alone.
    pub(super) fn open(path: &Path) -> Result<Self, BrokerError> {
        let connection = Connection::open(path)?;
        // A broker that is just closing gets the time to.
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                connection.execute_batch(SCHEMA)?;
                connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            SCHEMA_VERSION => {}
            other => {
                return Err(BrokerError::Storage(format!(
                    "{} is of version {other}, this program knows version {SCHEMA_VERSION}",
                    path.display()
                )));
            }
        }
        connection.execute_batch("COMMIT")?;
        let mut storage = Self {
            connection,
            in_transaction: false,
            next_sequence: 1,
            stored_sequence: 1,
            pruned_at: 0,
        };
        storage.reload_sequence()?;
        Ok(storage)
    }

    fn reload_sequence(&mut self) -> Result<()> {
        self.next_sequence = self
            .connection
            .query_one("SELECT next FROM sequence", [], |row| row.get(0))?;
        self.stored_sequence = self.next_sequence;
        Ok(())
    }

    /// Starts the round's transaction, unless it has begun.
    fn begin(&mut self) -> Result<()> {
        if !self.in_transaction {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Makes the round durable. Nothing to do if it wrote nothing.
    pub(super) fn commit(&mut self) -> Result<()> {
        if !self.in_transaction {
            return Ok(());
        }
        if self.next_sequence != self.stored_sequence {
            self.connection
                .prepare_cached("UPDATE sequence SET next = ?")?
                .execute([self.next_sequence])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.in_transaction = false;
        self.stored_sequence = self.next_sequence;
        Ok(())
    }

    /// Undoes the round.
    pub(super) fn rollback(&mut self) -> Result<()> {
        self.in_transaction = false;
        // SQLite has rolled back by itself after some failures.
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        self.reload_sequence()
    }

    /// A number no message has had.
    pub(super) fn allocate(&mut self) -> i64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// All entities; topics before their subscriptions.
    pub(super) fn entities(&self) -> Result<Vec<EntityInfo>> {
        let mut statement = self
            .connection
            .prepare("SELECT id, name, kind, topic, options FROM entities ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            let kind: String = row.get(2)?;
            let options: String = row.get(4)?;
            Ok(EntityInfo {
                id: row.get(0)?,
                name: row.get(1)?,
                kind: match kind.as_str() {
                    "queue" => Kind::Queue,
                    "topic" => Kind::Topic,
                    _ => Kind::Subscription(row.get(3)?),
                },
                options: serde_json::from_str(&options).unwrap_or_default(),
                counts: super::directory::PublishedCounts::default(),
            })
        })?;
        rows.collect()
    }

    /// Creates an entity, or gives it new options, and returns its id.
    pub(super) fn save_entity(&mut self, name: &str, kind: Kind, options: &QueueOptions) -> Result<i64> {
        self.begin()?;
        let (kind, topic) = match kind {
            Kind::Queue => ("queue", None),
            Kind::Topic => ("topic", None),
            Kind::Subscription(topic) => ("subscription", Some(topic)),
        };
        let options = serde_json::to_string(options).unwrap_or_default();
        self.connection
            .prepare_cached(
                "INSERT INTO entities (name, kind, topic, options) VALUES (?, ?, ?, ?)
                 ON CONFLICT (name) DO UPDATE SET options = excluded.options RETURNING id",
            )?
            .query_one(params![name, kind, topic, options], |row| row.get(0))
    }

    /// Shows every message to `each`, in the order of their sequence numbers.
    pub(super) fn index(&self, mut each: impl FnMut(IndexRow)) -> Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT sequence, entity, state, delivery_count, enqueued_at, expires_at FROM messages ORDER BY sequence",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let state: String = row.get(2)?;
            each(IndexRow {
                sequence: row.get(0)?,
                entity: row.get(1)?,
                state: match state.as_str() {
                    "scheduled" => State::Scheduled,
                    "dead" => State::Dead,
                    _ => State::Ready,
                },
                delivery_count: row.get(3)?,
                enqueued_at: row.get(4)?,
                expires_at: row.get(5)?,
            });
        }
        Ok(())
    }

    /// Remembers a message id, and returns the sequence number of the message that had it before, if its time is not
    /// over.
    pub(super) fn remember(
        &mut self,
        entity: i64,
        message_id: &str,
        sequence: i64,
        now: i64,
        until: i64,
    ) -> Result<Option<i64>> {
        self.begin()?;
        self.prune(now)?;
        let stored = self
            .connection
            .prepare_cached(
                "INSERT INTO seen (entity, message_id, sequence, until)
                 VALUES (:entity, :message_id, :sequence, :until)
                 ON CONFLICT (entity, message_id) DO UPDATE
                 SET sequence = excluded.sequence, until = excluded.until WHERE until <= :now",
            )?
            .execute(named_params! {
                ":entity": entity, ":message_id": message_id, ":sequence": sequence, ":until": until, ":now": now,
            })?;
        if stored == 1 {
            return Ok(None);
        }
        self.connection
            .prepare_cached("SELECT sequence FROM seen WHERE entity = ? AND message_id = ?")?
            .query_one(params![entity, message_id], |row| row.get(0))
            .map(Some)
    }

    /// Forgets message ids whose time is over, now and then.
    fn prune(&mut self, now: i64) -> Result<()> {
        if now - self.pruned_at < PRUNE_INTERVAL {
            return Ok(());
        }
        self.pruned_at = now;
        self.connection
            .prepare_cached("DELETE FROM seen WHERE until <= ?")?
            .execute([now])?;
        Ok(())
    }

    /// Adds a message. For a scheduled one `enqueued_at` is the time it waits for.
    pub(super) fn insert(&mut self, row: &IndexRow, envelope: &Envelope) -> Result<()> {
        self.begin()?;
        let time_to_live = envelope
            .time_to_live
            .map(|d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        self.connection
            .prepare_cached(
                "INSERT INTO messages (sequence, entity, state, enqueued_at, expires_at, message_id, time_to_live,
                     properties, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                row.sequence,
                row.entity,
                row.state.as_str(),
                row.enqueued_at,
                row.expires_at,
                envelope.message_id,
                time_to_live,
                envelope.properties,
                &envelope.body[..],
            ])?;
        Ok(())
    }

    /// Removes a scheduled message, to be sent now.
    pub(super) fn take(&mut self, sequence: i64) -> Result<Option<Envelope>> {
        self.begin()?;
        self.connection
            .prepare_cached(
                "DELETE FROM messages WHERE sequence = ? RETURNING message_id, body, properties, time_to_live",
            )?
            .query_row([sequence], |row| {
                let time_to_live: Option<i64> = row.get(3)?;
                Ok(Envelope {
                    message_id: row.get(0)?,
                    body: row.get::<_, Vec<u8>>(1)?.into(),
                    properties: row.get(2)?,
                    time_to_live: time_to_live.map(|micros| Duration::from_micros(micros.max(0) as u64)),
                    scheduled_at: None,
                })
            })
            .optional()
    }

    /// Removes a message for good.
    pub(super) fn delete(&mut self, sequence: i64) -> Result<()> {
        self.begin()?;
        self.connection
            .prepare_cached("DELETE FROM messages WHERE sequence = ?")?
            .execute([sequence])?;
        Ok(())
    }

    /// Notes a delivery that came to nothing.
    pub(super) fn set_delivery_count(&mut self, sequence: i64, delivery_count: u32) -> Result<()> {
        self.begin()?;
        self.connection
            .prepare_cached("UPDATE messages SET delivery_count = ? WHERE sequence = ?")?
            .execute(params![delivery_count, sequence])?;
        Ok(())
    }

    /// Moves a message to the dead-letter queue, where it does not expire.
    pub(super) fn bury(&mut self, sequence: i64, delivery_count: u32, reason: &str, description: &str) -> Result<()> {
        self.begin()?;
        self.connection
            .prepare_cached(
                "UPDATE messages SET state = 'dead', delivery_count = ?, expires_at = NULL, dead_letter_reason = ?,
                     dead_letter_description = ? WHERE sequence = ?",
            )?
            .execute(params![delivery_count, reason, description, sequence])?;
        Ok(())
    }

    /// The content of a message.
    pub(super) fn read(&self, sequence: i64) -> Result<Option<ContentRow>> {
        self.connection
            .prepare_cached(
                "SELECT message_id, body, properties, enqueued_at, dead_letter_reason, dead_letter_description
                 FROM messages WHERE sequence = ?",
            )?
            .query_row([sequence], |row| {
                let properties = row.get_ref(2)?.as_str()?;
                Ok(ContentRow {
                    message: restore(row.get(0)?, row.get(1)?, properties),
                    enqueued_at: row.get(3)?,
                    dead_letter_reason: row.get(4)?,
                    dead_letter_description: row.get(5)?,
                })
            })
            .optional()
    }
}
