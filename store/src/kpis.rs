//! Figures of a period: orders, alerts, sign-ins. Each statement reads its table once, by an index where there is one.

use crate::{
    StoreError,
    db::{FromRow, Reader, Sql, Store},
};
use inventory_domain::{
    Timestamp,
    pace::{MINUTE, OrdersMinute},
};

/// How many of something with this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// How many.
    pub count: i64,
}

impl FromRow for Named {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.text()?,
            count: row.int()?,
        })
    }
}

/// Failed sign-ins whose last was in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedSignIns {
    /// Names and addresses, each for itself.
    pub subjects: i64,
    /// The most failures of one of them.
    pub most: i64,
}

impl FromRow for FailedSignIns {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            subjects: row.int()?,
            most: row.int()?,
        })
    }
}

/// Decided orders of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// How many.
    pub count: i64,
    /// How long it took on average from being placed to being decided, in microseconds.
    pub average_micros: i64,
}

impl FromRow for Decided {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            count: row.int()?,
            average_micros: row.int()?,
        })
    }
}

/// Orders placed from `from` up to `to`, by what has become of them.
///
/// # Errors
/// When the database is away.
pub async fn orders(store: &Store, from: Timestamp, to: Timestamp) -> Result<Vec<Named>, StoreError> {
    static BY_STATUS: Sql = Sql::new(
        "SELECT CASE WHEN is_partly_shipped = 1 AND status = 'confirmed' THEN 'partly_shipped' ELSE status END, COUNT(*)
         FROM orders WHERE created_at >= $1 AND created_at < $2 GROUP BY 1 ORDER BY 1",
    );
    store.report(&BY_STATUS, &[from.into(), to.into()]).await
}

/// Those of them that are decided.
///
/// # Errors
/// When the database is away.
pub async fn decided(store: &Store, from: Timestamp, to: Timestamp) -> Result<Decided, StoreError> {
    static DECIDED: Sql = Sql::new(
        "SELECT COUNT(*), CAST(COALESCE(AVG(decided_at - created_at), 0) AS BIGINT) FROM orders
         WHERE created_at >= $1 AND created_at < $2 AND decided_at IS NOT NULL",
    );
    store.one(&DECIDED, &[from.into(), to.into()]).await
}

/// How long it took to decide the order of this rank, from 0 for the fastest, in microseconds; `None` where there are fewer.
///
/// # Errors
/// When the database is away.
pub async fn decision_micros(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
    rank: i64,
) -> Result<Option<i64>, StoreError> {
    static RANKED: Sql = Sql::new(
        "SELECT decided_at - created_at FROM orders
         WHERE created_at >= $1 AND created_at < $2 AND decided_at IS NOT NULL ORDER BY 1 LIMIT 1 OFFSET $3",
    );
    let found: Vec<i64> = store.report(&RANKED, &[from.into(), to.into(), rank.into()]).await?;
    Ok(found.into_iter().next())
}

impl FromRow for OrdersMinute {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            minute: Timestamp::from_micros(row.int()? * MINUTE),
            placed: row.int()?,
            decided: row.int()?,
            decision_micros_average: row.int_opt()?,
            decision_micros_max: row.int_opt()?,
        })
    }
}

/// Orders placed since `from`, by the minute; minutes without orders are not there. It is given up after two seconds.
///
/// # Errors
/// When the database is away or takes too long.
pub async fn pace(store: &Store, from: Timestamp) -> Result<Vec<OrdersMinute>, StoreError> {
    static BY_MINUTE: Sql = Sql::new(
        "SELECT created_at / 60000000, COUNT(*), COUNT(decided_at), CAST(AVG(decided_at - created_at) AS BIGINT), MAX(decided_at - created_at)
         FROM orders WHERE created_at >= $1 GROUP BY 1 ORDER BY 1",
    );
    store.measure(&BY_MINUTE, &[from.into()]).await
}

/// Alerts raised in the period, by severity.
///
/// # Errors
/// When the database is away.
pub async fn alerts(store: &Store, from: Timestamp, to: Timestamp) -> Result<Vec<Named>, StoreError> {
    static BY_SEVERITY: Sql = Sql::new(
        "SELECT severity, COUNT(*) FROM alerts WHERE raised_at >= $1 AND raised_at < $2 GROUP BY severity ORDER BY severity",
    );
    store.report(&BY_SEVERITY, &[from.into(), to.into()]).await
}

/// Messages parked in the period, by reason.
///
/// # Errors
/// When the database is away.
pub async fn parked(store: &Store, from: Timestamp, to: Timestamp) -> Result<Vec<Named>, StoreError> {
    static BY_REASON: Sql = Sql::new(
        "SELECT reason, COUNT(*) FROM parked_messages WHERE parked_at >= $1 AND parked_at < $2 GROUP BY reason ORDER BY reason",
    );
    store.report(&BY_REASON, &[from.into(), to.into()]).await
}

/// Changes to accounts and API keys in the period, by what was done.
///
/// # Errors
/// When the database is away.
pub async fn account_changes(store: &Store, from: Timestamp, to: Timestamp) -> Result<Vec<Named>, StoreError> {
    static BY_ACTION: Sql = Sql::new(
        "SELECT action, COUNT(*) FROM audit WHERE at >= $1 AND at < $2
           AND (action LIKE 'clients!_%' ESCAPE '!' OR action LIKE 'users!_%' ESCAPE '!' OR action LIKE 'keys!_%' ESCAPE '!')
         GROUP BY action ORDER BY action",
    );
    store.report(&BY_ACTION, &[from.into(), to.into()]).await
}

/// Failed sign-ins whose last was in the period.
///
/// # Errors
/// When the database is away.
pub async fn failed_sign_ins(store: &Store, from: Timestamp, to: Timestamp) -> Result<FailedSignIns, StoreError> {
    static FAILED: Sql = Sql::new(
        "SELECT COUNT(*), CAST(COALESCE(MAX(failures), 0) AS BIGINT) FROM sign_in_failures WHERE last_at >= $1 AND last_at < $2",
    );
    store.one(&FAILED, &[from.into(), to.into()]).await
}

/// Tokens that were made void and have not expired yet.
///
/// # Errors
/// When the database is away.
pub async fn revoked_tokens(store: &Store, now: Timestamp) -> Result<i64, StoreError> {
    static REVOKED: Sql = Sql::new("SELECT COUNT(*) FROM revoked_tokens WHERE expires_at > $1");
    store.one(&REVOKED, &[now.into()]).await
}
