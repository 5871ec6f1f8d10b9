//! Replies kept with their idempotency keys, in the transaction of the work.

use crate::{
    StoreError, Tx,
    db::{Engine, FromRow, Reader, Run as _, Sql, Store, json},
};
use inventory_domain::Timestamp;
use serde::Serialize;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing: the work may be done, in this transaction.
    New,
    /// Another request with this key is being worked on.
    InUse,
    /// The work was done, for a request with this fingerprint, and answered so.
    Done {
        /// The fingerprint of the first request.
        fingerprint: String,
        /// Its reply.
        reply: String,
    },
}

struct Stored(String, String);

impl FromRow for Stored {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self(row.text()?, row.text()?))
    }
}

/// Looks a key up and takes it for this transaction.
///
/// # Errors
/// When the database is away.
pub async fn claim(tx: &mut Tx, scope: &str, key: &str) -> Result<KeyState, StoreError> {
    static TRY_LOCK: Sql = Sql::new(
        "SELECT CASE WHEN pg_try_advisory_xact_lock(hashtextextended($1, 0)) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END",
    );
    static FIND: Sql = Sql::new("SELECT fingerprint, reply FROM idempotency_keys WHERE scope = $1 AND key = $2");
    // SQLite serialises writers: whoever comes second finds the reply of the first.
    if tx.store().engine() == Engine::Postgres {
        let name = format!("{scope}\u{1f}{key}");
        if tx.one::<i64>(&TRY_LOCK, &[(&name).into()]).await? == 0 {
            return Ok(KeyState::InUse);
        }
    }
    let stored: Option<Stored> = tx.first(&FIND, &[scope.into(), key.into()]).await?;
    Ok(
        stored.map_or(KeyState::New, |Stored(fingerprint, reply)| KeyState::Done {
            fingerprint,
            reply,
        }),
    )
}

#[derive(Serialize)]
struct KeyRow<'a> {
    scope: &'a str,
    key: &'a str,
    fingerprint: &'a str,
    reply: &'a str,
    created_at: i64,
}

/// Keeps the reply to a request; written when the transaction commits.
///
/// # Errors
/// Never in practice: the row is plain text.
pub fn keep(tx: &mut Tx, scope: &str, key: &str, fingerprint: &str, reply: &str) -> Result<(), StoreError> {
    let row = json(&[KeyRow {
        scope,
        key,
        fingerprint,
        reply,
        created_at: tx.now().micros(),
    }])?;
    tx.stage_reply(row);
    Ok(())
}

/// Forgets replies that were kept before `before`; says how many.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    static PRUNE: Sql = Sql::new("DELETE FROM idempotency_keys WHERE created_at < $1");
    store.execute(&PRUNE, &[before.into()]).await
}
