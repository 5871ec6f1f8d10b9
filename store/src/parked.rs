//! Parked messages in the database.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, Write},
    filter::Filter,
    paging::{Column, Page, Sorting},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    event::EventType,
    limits,
    parked::{ParkReason, ParkedMessage},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A message to be parked.
#[derive(Clone, Debug)]
pub struct NewParked {
    /// Where it came from.
    pub source: String,
    /// Its message id.
    pub message_id: String,
    /// How often the broker had delivered it.
    pub delivery_count: i64,
    /// Why.
    pub reason: ParkReason,
    /// A sentence for people.
    pub detail: String,
    /// The body.
    pub body: String,
}

pub(crate) const PARKED: Write = Write {
    name: "parked",
    sql: "INSERT INTO parked_messages (source, message_id, delivery_count, reason, detail, body, body_hash, truncated, parked_at)
          SELECT source, message_id, delivery_count, reason, detail, body, body_hash, truncated, parked_at
          FROM {rows $rows r: source TEXT, message_id TEXT, delivery_count BIGINT, reason TEXT, detail TEXT, body TEXT, body_hash TEXT, truncated BIGINT, parked_at BIGINT}
          WHERE true ON CONFLICT DO NOTHING",
};

/// The queue whose messages are parked, and the beginning of its dead-letter queue's name.
const ORDERS_QUEUE: &str = "orders";

#[derive(Serialize)]
pub(crate) struct ParkedRow {
    source: String,
    message_id: String,
    delivery_count: i64,
    reason: ParkReason,
    detail: String,
    body: String,
    body_hash: String,
    truncated: i64,
    parked_at: i64,
}

/// Text that every engine can keep: PostgreSQL has no NUL, and what is too long is cut at a character.
fn storable(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{FFFD}")
}

impl NewParked {
    pub(crate) fn rows(parked: &[Self], now: Timestamp) -> Vec<ParkedRow> {
        parked.iter().map(|parked| parked.row(now)).collect()
    }

    fn row(&self, now: Timestamp) -> ParkedRow {
        let body = storable(&self.body, limits::PARKED_BODY_BYTES_MAX);
        let mut body_hash = String::with_capacity(64);
        for byte in Sha256::digest(self.body.as_bytes()) {
            let _ = write!(body_hash, "{byte:02x}");
        }
        ParkedRow {
            source: self.source.clone(),
            message_id: storable(&self.message_id, 512),
            delivery_count: self.delivery_count,
            reason: self.reason,
            detail: storable(&self.detail, 2_000),
            truncated: i64::from(body != self.body),
            body,
            body_hash,
            parked_at: now.micros(),
        }
    }
}

const SELECT: &str = "SELECT id, source, message_id, delivery_count, reason, detail, body, truncated, parked_at, \
                      replayed_at, version FROM parked_messages";

impl FromRow for ParkedMessage {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            source: row.text()?,
            message_id: row.text()?,
            delivery_count: row.int()?,
            reason: row.word(ParkReason::parse)?,
            detail: row.text()?,
            body: row.text()?,
            truncated: row.int()? != 0,
            parked_at: row.time()?,
            replayed_at: row.time_opt()?,
            version: row.int()?,
        })
    }
}

/// What parked messages may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "id")]);

/// Which parked messages.
#[derive(Clone, Debug, Default)]
pub struct ParkedFilter {
    /// From this source.
    pub source: Option<String>,
    /// Parked for this reason.
    pub reason: Option<ParkReason>,
    /// Whether they were sent again.
    pub replayed: Option<bool>,
}

impl ParkedFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("source = ?", self.source.as_ref());
        filter.opt("reason = ?", self.reason.map(ParkReason::as_str));
        match self.replayed {
            Some(true) => filter.fixed("replayed_at IS NOT NULL"),
            Some(false) => filter.fixed("replayed_at IS NULL"),
            None => {}
        }
        filter
    }
}

/// A page of parked messages.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &ParkedFilter, page: Page) -> Result<Vec<ParkedMessage>, StoreError> {
    let (sql, args) = filter.conditions().page(SELECT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many parked messages.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &ParkedFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("parked_messages");
    store.one(sql, &args).await
}

/// One parked message.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<ParkedMessage, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE id = $1"));
    Ok(store
        .first(sql, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("parked message", id))?)
}

/// What the events of a parked message say: never its body.
#[derive(Serialize)]
struct Replayed<'a> {
    id: i64,
    source: &'a str,
    message_id: &'a str,
    reason: ParkReason,
}

/// Sends a parked message to the orders queue again, as it came.
///
/// # Errors
/// When there is no such message, it was sent again before, or it was not kept whole.
pub async fn replay(tx: &mut Tx, id: i64) -> Result<ParkedMessage, StoreError> {
    static MARK: Sql = Sql::new("UPDATE parked_messages SET replayed_at = $2, version = version + 1 WHERE id = $1");
    let lock = Sql::interned(format!("{SELECT} WHERE id = $1 {{lock}}"));
    let mut parked: ParkedMessage = tx
        .first(lock, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("parked message", id))?;
    if parked.replayed_at.is_some() {
        let detail = format!("parked message {id} was sent again before");
        return Err(Refusal::conflict(Conflict::AlreadyReplayed, detail).into());
    }
    // What came from elsewhere is sent again by who sent it.
    if !parked.source.starts_with(ORDERS_QUEUE) {
        let detail = format!("parked message {id} did not come from a queue: let it be sent again where it came from");
        return Err(Refusal::conflict(Conflict::NotReplayable, detail).into());
    }
    if parked.truncated {
        let detail = format!("parked message {id} was not kept whole and cannot be sent again");
        return Err(Refusal::conflict(Conflict::NotReplayable, detail).into());
    }
    let now = tx.now();
    tx.execute(&MARK, &[id.into(), now.into()]).await?;
    parked.replayed_at = Some(now);
    parked.version += 1;
    let subject = format!("parked/{id}");
    let data = Replayed {
        id,
        source: &parked.source,
        message_id: &parked.message_id,
        reason: parked.reason,
    };
    tx.audit("parked_replay", &*subject, None, Some(&data))?;
    tx.event(EventType::MessageReplayed, subject.clone(), &data)?;
    tx.queue_message(EventType::MessageResent, subject, parked.body.clone());
    Ok(parked)
}
