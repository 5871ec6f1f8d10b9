//! The audit trail, read: what was changed, and who saw personal data. (Changes are written with what they change, see [`crate::Tx`].)

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Sql, Store, json},
    filter::Filter,
    paging::{Column, Page, Sorting},
};
use inventory_domain::{
    Timestamp,
    audit::{AccessEntry, AuditEntry},
};
use serde::Serialize;
use serde_json::value::RawValue;

impl FromRow for AuditEntry {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            at: row.time()?,
            actor: row.text()?,
            address: row.text_opt()?,
            request_id: row.text()?,
            action: row.text()?,
            entity: row.text()?,
            before: value(row.text_opt()?)?,
            after: value(row.text_opt()?)?,
        })
    }
}

fn value(text: Option<String>) -> Result<Option<Box<RawValue>>, StoreError> {
    text.map(RawValue::from_string)
        .transpose()
        .map_err(|error| StoreError::Internal(sqlx::Error::Decode(error.into())))
}

/// Which part of the trail.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// What this one did.
    pub actor: Option<String>,
    /// What was done to this.
    pub entity: Option<String>,
    /// What was done so.
    pub action: Option<String>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// Who decides orders, and how that is called: most rows of the trail, which its indexes leave out.
const DECISIONS: &str = "orders_process";

impl AuditFilter {
    fn changes(&self) -> Filter<'_> {
        let mut filter = self.who_and_what();
        // True already; said again, because an index is used only where its own condition is in the statement.
        if self.actor.as_ref().is_some_and(|actor| actor != DECISIONS) {
            filter.fixed("actor <> 'orders_process'");
        }
        if self.action.as_ref().is_some_and(|action| action != DECISIONS) {
            filter.fixed("action <> 'orders_process'");
        }
        filter.opt("at >= ?", self.from);
        filter.opt("at < ?", self.until);
        filter
    }

    fn accesses(&self) -> Filter<'_> {
        let mut filter = self.who_and_what();
        filter.opt("last_at >= ?", self.from);
        filter.opt("first_at < ?", self.until);
        filter
    }

    fn who_and_what(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("actor = ?", self.actor.as_ref());
        filter.opt("entity = ?", self.entity.as_ref());
        filter.opt("action = ?", self.action.as_ref());
        filter
    }
}

/// What changes and accesses may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "id")]);

/// A page of changes.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &AuditFilter, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
    let select = "SELECT id, at, actor, address, request_id, action, entity, before, after FROM audit";
    let (sql, args) = filter.changes().page(select, &SORTING, page);
    store.all(sql, &args).await
}

/// How many changes.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &AuditFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.changes().count("audit");
    store.one(sql, &args).await
}

impl FromRow for AccessEntry {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            first_at: row.time()?,
            last_at: row.time()?,
            times: row.int()?,
            actor: row.text()?,
            address: row.text_opt()?,
            request_id: row.text()?,
            action: row.text()?,
            entity: row.text()?,
        })
    }
}

/// A page of accesses to personal data.
///
/// # Errors
/// When the database is away.
pub async fn accesses(store: &Store, filter: &AuditFilter, page: Page) -> Result<Vec<AccessEntry>, StoreError> {
    let select = "SELECT id, first_at, last_at, times, actor, address, request_id, action, entity FROM access_log";
    let (sql, args) = filter.accesses().page(select, &SORTING, page);
    store.all(sql, &args).await
}

/// How many rows of accesses.
///
/// # Errors
/// When the database is away.
pub async fn count_accesses(store: &Store, filter: &AuditFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.accesses().count("access_log");
    store.one(sql, &args).await
}

/// That somebody was shown personal data, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewAccess {
    /// When for the first time, in microseconds since the Unix epoch.
    pub first_at: i64,
    /// When for the last time, likewise.
    pub last_at: i64,
    /// How many times.
    pub times: i64,
    /// To whom.
    pub actor: String,
    /// The client's address the last time.
    pub address: Option<String>,
    /// The request of the last time.
    pub request_id: String,
    /// The operation that showed it.
    pub action: &'static str,
    /// Whose data.
    pub entity: String,
}

/// Records accesses, all with one statement.
///
/// # Errors
/// When the database is away.
pub async fn record_accesses(store: &Store, accesses: &[NewAccess]) -> Result<(), StoreError> {
    static RECORD: Sql = Sql::new(
        "INSERT INTO access_log (first_at, last_at, times, actor, address, request_id, action, entity)
         SELECT first_at, last_at, times, actor, address, request_id, action, entity
         FROM {rows $1 r: first_at BIGINT, last_at BIGINT, times BIGINT, actor TEXT, address TEXT, request_id TEXT, action TEXT, entity TEXT}",
    );
    store.execute(&RECORD, &[(&json(accesses)?).into()]).await.map(drop)
}

/// Forgets accesses of before `before`; says how many.
///
/// # Errors
/// When the database is away.
pub async fn prune_accesses(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    static PRUNE: Sql = Sql::new("DELETE FROM access_log WHERE last_at < $1");
    store.execute(&PRUNE, &[before.into()]).await
}
