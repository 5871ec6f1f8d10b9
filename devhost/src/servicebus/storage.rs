//! The SQLite file: what is written before anything is acknowledged.
//!
//! Every write joins the transaction of the engine's round (see `engine`); [`Storage::commit`] makes the round durable
//! with one `fsync`. Locks are not stored: they lapse when the broker restarts, as the messages' senders and receivers
//! must be prepared for anyway.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, named_params, params};
use serde_json::{Map, Value};

use super::directory::{EntityInfo, Kind};
use super::error::BrokerError;
use super::message::{DeadLetter, Envelope, restore, with_changes};
use super::options::QueueOptions;
use super::queue::Entry;

/// The version of the tables below.
const SCHEMA_VERSION: i64 = 3;

/// Times are microseconds since the Unix epoch. A scheduled message of a topic belongs to the topic; when its time has come
/// it is copied to the subscriptions.
const MESSAGES: &str = "
CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY,
    entity INTEGER NOT NULL REFERENCES entities (id),
    state TEXT NOT NULL CHECK (state IN ('ready', 'scheduled', 'deferred', 'dead')),
    delivery_count INTEGER NOT NULL DEFAULT 0,
    enqueued_at INTEGER NOT NULL,
    expires_at INTEGER,
    message_id TEXT NOT NULL,
    session TEXT,
    time_to_live INTEGER,
    properties TEXT NOT NULL,
    hops INTEGER NOT NULL DEFAULT 0,
    dead_letter_source TEXT,
    dead_letter_reason TEXT,
    dead_letter_description TEXT,
    body BLOB NOT NULL
) STRICT;
";

const SCHEMA: &str = "
CREATE TABLE entities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT NOT NULL CHECK (kind IN ('queue', 'topic', 'subscription')),
    topic INTEGER REFERENCES entities (id) CHECK ((topic IS NOT NULL) = (kind = 'subscription')),
    options TEXT NOT NULL
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

/// What receivers keep with a session. Since version 3.
const SESSIONS: &str = "
CREATE TABLE session_states (
    entity INTEGER NOT NULL REFERENCES entities (id),
    session TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (entity, session)
) STRICT, WITHOUT ROWID;
";

/// Version 1 knew neither sessions nor messages put aside or forwarded.
const FROM_1_BEGIN: &str = "ALTER TABLE messages RENAME TO messages_1";
const FROM_1_END: &str = "
INSERT INTO messages (sequence, entity, state, delivery_count, enqueued_at, expires_at, message_id, session,
    time_to_live, properties, dead_letter_reason, dead_letter_description, body)
SELECT sequence, entity, state, delivery_count, enqueued_at, expires_at, message_id, properties ->> 'session_id',
    time_to_live, properties, dead_letter_reason, dead_letter_description, body
FROM messages_1;
DROP TABLE messages_1;
";

/// How often remembered message ids whose time is over are deleted, in microseconds.
const PRUNE_INTERVAL: i64 = 60_000_000;

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Scheduled,
    Deferred,
    Dead,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Scheduled => "scheduled",
            Self::Deferred => "deferred",
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
    pub(super) session: Option<String>,
}

impl IndexRow {
    /// What its queue has to know of it.
    pub(super) fn entry(&self, session: Option<Arc<str>>) -> Entry {
        Entry {
            sequence: self.sequence,
            delivery_count: self.delivery_count,
            expires_at: self.expires_at,
            deferred: self.state == State::Deferred,
            session,
        }
    }
}

/// What a receiver gets, read from the file.
#[derive(Debug)]
pub(super) struct ContentRow {
    pub(super) message: super::BrokerMessage,
    /// How long the body is, also where it was cut.
    pub(super) body_bytes: u64,
    pub(super) enqueued_at: i64,
    pub(super) dead_letter: DeadLetter,
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
                connection.execute_batch(MESSAGES)?;
            }
            1 => {
                connection.execute_batch(FROM_1_BEGIN)?;
                connection.execute_batch(MESSAGES)?;
                connection.execute_batch(FROM_1_END)?;
            }
            2 | SCHEMA_VERSION => {}
            other => {
                return Err(BrokerError::Storage(format!(
                    "{} is of version {other}, this program knows version {SCHEMA_VERSION}",
                    path.display()
                )));
            }
        }
        if version < SCHEMA_VERSION {
            connection.execute_batch(SESSIONS)?;
            connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
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
            "SELECT sequence, entity, state, delivery_count, enqueued_at, expires_at, session FROM messages
             ORDER BY sequence",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let state: String = row.get(2)?;
            each(IndexRow {
                sequence: row.get(0)?,
                entity: row.get(1)?,
                state: match state.as_str() {
                    "scheduled" => State::Scheduled,
                    "deferred" => State::Deferred,
                    "dead" => State::Dead,
                    _ => State::Ready,
                },
                delivery_count: row.get(3)?,
                enqueued_at: row.get(4)?,
                expires_at: row.get(5)?,
                session: row.get(6)?,
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
                "INSERT INTO messages (sequence, entity, state, delivery_count, enqueued_at, expires_at, message_id,
                     session, time_to_live, properties, hops, dead_letter_source, dead_letter_reason,
                     dead_letter_description, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                row.sequence,
                row.entity,
                row.state.as_str(),
                row.delivery_count,
                row.enqueued_at,
                row.expires_at,
                envelope.message_id,
                envelope.session_id,
                time_to_live,
                envelope.properties,
                envelope.hops,
                envelope.dead_letter.source,
                envelope.dead_letter.reason,
                envelope.dead_letter.description,
                &envelope.body[..],
            ])?;
        Ok(())
    }

    /// Removes a message, to be put elsewhere.
    pub(super) fn take(&mut self, sequence: i64) -> Result<Option<Envelope>> {
        self.begin()?;
        self.connection
            .prepare_cached(
                "DELETE FROM messages WHERE sequence = ?
                 RETURNING message_id, body, properties, time_to_live, session, hops, dead_letter_source,
                     dead_letter_reason, dead_letter_description",
            )?
            .query_row([sequence], |row| {
                let time_to_live: Option<i64> = row.get(3)?;
                Ok(Envelope {
                    message_id: row.get(0)?,
                    body: row.get::<_, Vec<u8>>(1)?.into(),
                    properties: row.get(2)?,
                    time_to_live: time_to_live.map(|micros| Duration::from_micros(micros.max(0) as u64)),
                    session_id: row.get(4)?,
                    scheduled_at: None,
                    hops: row.get(5)?,
                    dead_letter: DeadLetter {
                        source: row.get(6)?,
                        reason: row.get(7)?,
                        description: row.get(8)?,
                    },
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

    /// Notes that a receiver has put a message aside.
    pub(super) fn defer(&mut self, sequence: i64, delivery_count: u32) -> Result<()> {
        self.begin()?;
        self.connection
            .prepare_cached("UPDATE messages SET state = 'deferred', delivery_count = ? WHERE sequence = ?")?
            .execute(params![delivery_count, sequence])?;
        Ok(())
    }

    /// Sets some of a message's own properties. `Ok(false)`, and nothing is changed, if they would have more than
    /// `bytes_max` bytes then.
    pub(super) fn change_properties(
        &mut self,
        sequence: i64,
        changes: &Map<String, Value>,
        bytes_max: usize,
    ) -> Result<bool> {
        self.begin()?;
        let properties: Option<String> = self
            .connection
            .prepare_cached("SELECT properties FROM messages WHERE sequence = ?")?
            .query_row([sequence], |row| row.get(0))
            .optional()?;
        let Some(properties) = properties else { return Ok(true) };
        let properties = with_changes(&properties, changes);
        if properties.len() > bytes_max {
            return Ok(false);
        }
        self.connection
            .prepare_cached("UPDATE messages SET properties = ? WHERE sequence = ?")?
            .execute(params![properties, sequence])?;
        Ok(true)
    }

    /// What receivers have kept with a session.
    pub(super) fn session_state(&self, entity: i64, session: &str) -> Result<Option<Vec<u8>>> {
        self.connection
            .prepare_cached("SELECT state FROM session_states WHERE entity = ? AND session = ?")?
            .query_row(params![entity, session], |row| row.get(0))
            .optional()
    }

    /// Keeps something with a session, or nothing any more.
    pub(super) fn set_session_state(&mut self, entity: i64, session: &str, state: Option<&[u8]>) -> Result<()> {
        self.begin()?;
        match state {
            Some(state) => self
                .connection
                .prepare_cached(
                    "INSERT INTO session_states (entity, session, state) VALUES (?, ?, ?)
                     ON CONFLICT (entity, session) DO UPDATE SET state = excluded.state",
                )?
                .execute(params![entity, session, state])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM session_states WHERE entity = ? AND session = ?")?
                .execute(params![entity, session])?,
        };
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

    /// The content of a message, with at most `body_bytes_max` bytes of its body.
    pub(super) fn read(&self, sequence: i64, body_bytes_max: usize) -> Result<Option<ContentRow>> {
        self.connection
            .prepare_cached(
                "SELECT message_id, CASE WHEN length(body) > ?2 THEN substr(body, 1, ?2) ELSE body END, properties,
                     enqueued_at, dead_letter_source, dead_letter_reason, dead_letter_description, length(body)
                 FROM messages WHERE sequence = ?1",
            )?
            .query_row(
                params![sequence, i64::try_from(body_bytes_max).unwrap_or(i64::MAX)],
                |row| {
                    let properties = row.get_ref(2)?.as_str()?;
                    Ok(ContentRow {
                        message: restore(row.get(0)?, row.get::<_, Vec<u8>>(1)?.into(), properties),
                        body_bytes: row.get::<_, i64>(7)?.unsigned_abs(),
                        enqueued_at: row.get(3)?,
                        dead_letter: DeadLetter {
                            source: row.get(4)?,
                            reason: row.get(5)?,
                            description: row.get(6)?,
                        },
                    })
                },
            )
            .optional()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of version 1, with a message in a session, one that is scheduled, and a dead one.
    const VERSION_1: &str = r#"
CREATE TABLE entities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT NOT NULL CHECK (kind IN ('queue', 'topic', 'subscription')),
    topic INTEGER REFERENCES entities (id) CHECK ((topic IS NOT NULL) = (kind = 'subscription')),
    options TEXT NOT NULL
) STRICT;
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
CREATE TABLE seen (
    entity INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (entity, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);
CREATE TABLE sequence (next INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (4);
INSERT INTO entities VALUES (1, 'q', 'queue', NULL, '{}');
INSERT INTO messages VALUES
    (1, 1, 'ready', 2, 10, 99, 'a', 5, '{"session_id":"s"}', NULL, NULL, x'01'),
    (2, 1, 'scheduled', 0, 20, NULL, 'b', NULL, '{}', NULL, NULL, x'02'),
    (3, 1, 'dead', 3, 30, NULL, 'c', NULL, '{}', 'reason', 'description', x'03');
PRAGMA user_version = 1;
"#;

    #[test]
    fn a_file_of_version_1_is_taken_over() {
        let folder = std::env::temp_dir().join(format!("devhost-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("servicebus.db");
        Connection::open(&path)
            .and_then(|file| file.execute_batch(VERSION_1))
            .expect("a file of version 1");
        for _ in 0..2 {
            let mut storage = Storage::open(&path).expect("it opens");
            assert_eq!(storage.allocate(), 4);
            let mut rows = Vec::new();
            storage
                .index(|row| {
                    rows.push((
                        row.sequence,
                        row.state,
                        row.delivery_count,
                        row.enqueued_at,
                        row.session,
                    ));
                })
                .expect("an index");
            assert_eq!(
                rows,
                [
                    (1, State::Ready, 2, 10, Some("s".to_owned())),
                    (2, State::Scheduled, 0, 20, None),
                    (3, State::Dead, 3, 30, None),
                ]
            );
            let dead = storage.read(3, usize::MAX).expect("readable").expect("there");
            assert_eq!(
                (&dead.message.body[..], dead.message.message_id.as_str()),
                (&[3][..], "c")
            );
            assert_eq!(dead.dead_letter.reason.as_deref(), Some("reason"));
            assert_eq!(dead.dead_letter.description.as_deref(), Some("description"));
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
