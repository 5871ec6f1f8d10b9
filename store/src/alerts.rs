//! Alerts in the database. They are raised and cleared where levels change ([`crate::stock`]) and by the sweep.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, json},
    filter::Filter,
    paging::{Column, Page, Sorting},
    products::expect_version,
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    alert::{Alert, AlertStatus},
    event::EventType,
    low_stock::Severity,
};

const SELECT: &str = "SELECT a.id, a.stock_item_id, s.product_id, p.sku, s.location_id, l.name, a.severity, a.status, \
                      a.available, a.reorder_point, a.version, a.raised_at, a.acknowledged_at, a.acknowledged_by, \
                      a.cleared_at, a.snoozed_until FROM alerts a JOIN stock_items s ON s.id = a.stock_item_id \
                      JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id";

impl FromRow for Alert {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            stock_item_id: row.int()?,
            product_id: row.int()?,
            sku: row.text()?,
            location_id: row.int()?,
            location: row.text()?,
            severity: row.word(Severity::parse)?,
            status: row.word(AlertStatus::parse)?,
            available: row.int()?,
            reorder_point: row.int()?,
            version: row.int()?,
            raised_at: row.time()?,
            acknowledged_at: row.time_opt()?,
            acknowledged_by: row.text_opt()?,
            cleared_at: row.time_opt()?,
            snoozed_until: row.time_opt()?,
        })
    }
}

/// What alerts may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "a.id")]);

/// Which alerts.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// With this status.
    pub status: Option<AlertStatus>,
    /// With this severity.
    pub severity: Option<Severity>,
    /// Of this product.
    pub product_id: Option<i64>,
    /// At this location.
    pub location_id: Option<i64>,
}

impl AlertFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("a.status = ?", self.status.map(AlertStatus::as_str));
        filter.opt("a.severity = ?", self.severity.map(Severity::as_str));
        filter.opt("s.product_id = ?", self.product_id);
        filter.opt("s.location_id = ?", self.location_id);
        filter
    }
}

/// A page of alerts.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &AlertFilter, page: Page) -> Result<Vec<Alert>, StoreError> {
    let (sql, args) = filter.conditions().page(SELECT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many alerts.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &AlertFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter
        .conditions()
        .count("alerts a JOIN stock_items s ON s.id = a.stock_item_id");
    store.one(sql, &args).await
}

/// One alert.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Alert, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE a.id = $1"));
    Ok(store
        .first(sql, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("alert", id))?)
}

/// Takes an alert on. Taking it on twice changes nothing.
///
/// # Errors
/// When there is no such alert, its version is another one, or its stock has recovered.
pub async fn acknowledge(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Alert, StoreError> {
    static MARK: Sql = Sql::new(
        "UPDATE alerts SET status = 'acknowledged', acknowledged_at = $2, acknowledged_by = $3, version = version + 1 WHERE id = $1",
    );
    let lock = Sql::interned(format!("{SELECT} WHERE a.id = $1 {{lock a}}"));
    let before: Alert = tx
        .first(lock, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("alert", id))?;
    if before.status == AlertStatus::Acknowledged {
        return Ok(before);
    }
    expect_version(expected, before.version)?;
    if before.status == AlertStatus::Cleared {
        return Err(Refusal::conflict(Conflict::AlertCleared, format!("alert {id} is cleared")).into());
    }
    let (now, actor) = (tx.now(), tx.caller().actor.clone());
    tx.execute(&MARK, &[id.into(), now.into(), (&actor).into()]).await?;
    let after = Alert {
        status: AlertStatus::Acknowledged,
        acknowledged_at: Some(now),
        acknowledged_by: Some(actor),
        version: before.version + 1,
        ..before.clone()
    };
    let subject = format!("alerts/{id}");
    tx.audit("alerts_acknowledge", &*subject, Some(&before), Some(&after))?;
    tx.event(EventType::AlertAcknowledged, subject, &after)?;
    Ok(after)
}

/// Lets an alert rest until `until`; `None` ends its rest.
///
/// # Errors
/// When there is no such alert, its version is another one, or its stock has recovered.
pub async fn snooze(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    until: Option<Timestamp>,
) -> Result<Alert, StoreError> {
    static MARK: Sql = Sql::new("UPDATE alerts SET snoozed_until = $2, version = version + 1 WHERE id = $1");
    let lock = Sql::interned(format!("{SELECT} WHERE a.id = $1 {{lock a}}"));
    let before: Alert = tx
        .first(lock, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("alert", id))?;
    expect_version(expected, before.version)?;
    if before.status == AlertStatus::Cleared {
        return Err(Refusal::conflict(Conflict::AlertCleared, format!("alert {id} is cleared")).into());
    }
    tx.execute(&MARK, &[id.into(), until.map(Timestamp::micros).into()])
        .await?;
    let after = Alert {
        snoozed_until: until,
        version: before.version + 1,
        ..before.clone()
    };
    tx.audit("alerts_snooze", format!("alerts/{id}"), Some(&before), Some(&after))?;
    Ok(after)
}

/// Ends the rest of at most `limit` alerts whose time has come, and reminds of them; gives how many there were.
///
/// # Errors
/// When the database is away.
pub async fn remind(mut tx: Tx, limit: i64) -> Result<usize, StoreError> {
    static WAKE: Sql = Sql::new(
        "UPDATE alerts SET snoozed_until = NULL, version = version + 1 WHERE id IN (SELECT r.id FROM {rows $1 r: id BIGINT})",
    );
    let due = Sql::interned(format!(
        "{SELECT} WHERE a.status <> 'cleared' AND a.snoozed_until <= $1 ORDER BY a.id LIMIT $2 {{lock a}}"
    ));
    let now = tx.now();
    let alerts: Vec<Alert> = tx.all(due, &[now.into(), limit.into()]).await?;
    if alerts.is_empty() {
        return Ok(0);
    }
    let ids: Vec<_> = alerts
        .iter()
        .map(|alert| serde_json::json!({ "id": alert.id }))
        .collect();
    tx.execute(&WAKE, &[(&json(&ids)?).into()]).await?;
    for before in &alerts {
        let after = Alert {
            snoozed_until: None,
            version: before.version + 1,
            ..before.clone()
        };
        let subject = format!("alerts/{}", before.id);
        tx.audit(EventType::AlertReminded.as_str(), &*subject, Some(before), Some(&after))?;
        tx.event(EventType::AlertReminded, subject, &after)?;
    }
    tx.commit().await?;
    Ok(alerts.len())
}

/// Those of the stock items whose alert rests at `now`.
///
/// # Errors
/// When the database is away.
pub async fn snoozed(store: &Store, stock_item_ids: &[i64], now: Timestamp) -> Result<Vec<i64>, StoreError> {
    static SNOOZED: Sql = Sql::new(
        "SELECT a.stock_item_id FROM {rows $1 r: id BIGINT} JOIN alerts a ON a.stock_item_id = r.id
         WHERE a.status <> 'cleared' AND a.snoozed_until > $2",
    );
    let ids: Vec<_> = stock_item_ids
        .iter()
        .map(|id| serde_json::json!({ "id": id }))
        .collect();
    store.all(&SNOOZED, &[(&json(&ids)?).into(), now.into()]).await
}
