//! Events as they were sent: read from the outbox while it keeps them, and handed over to the event history.

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Sql, Store, destination},
    filter::Filter,
    orders,
    paging::Page,
};
use inventory_domain::event::EventType;
use uuid::Uuid;

/// Which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// What they happened to: `<resource>/<id>`.
    pub subject: String,
    /// Of this type.
    pub event_type: Option<EventType>,
}

impl EventFilter {
    /// All events of an order.
    pub fn of_order(id: Uuid) -> Self {
        Self {
            subject: orders::subject(id),
            event_type: None,
        }
    }

    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.add("subject = ?", &self.subject);
        filter.opt("type = ?", self.event_type.map(EventType::as_str));
        // A message that was sent to its queue again is no event of ours.
        filter.fixed("type <> 'inventory.message.replayed'");
        filter
    }
}

/// The text of an event.
struct Body(String);

impl FromRow for Body {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        row.text().map(Self)
    }
}

/// A page of a subject's events that the outbox still has, oldest first: their JSON texts.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &EventFilter, page: Page) -> Result<Vec<String>, StoreError> {
    let conditions = filter.conditions();
    let (sql, args) = conditions.rows("SELECT body FROM outbox", "seq", page.skip, page.limit);
    let bodies: Vec<Body> = store.all(sql, &args).await?;
    Ok(bodies.into_iter().map(|Body(text)| text).collect())
}

/// Whether the event history lacks the oldest event that the outbox has: it was switched on later.
///
/// # Errors
/// When the database is away.
pub async fn history_lacks_the_oldest(store: &Store) -> Result<bool, StoreError> {
    static LACKS: Sql = Sql::new(
        "SELECT COUNT(*) FROM (SELECT seq FROM outbox WHERE type <> 'inventory.message.replayed' ORDER BY seq LIMIT 1) o
         WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = o.seq AND d.destination = $1)",
    );
    let lacking: i64 = store.one(&LACKS, &[destination::EVENT_HISTORY.into()]).await?;
    Ok(lacking > 0)
}

/// A step of handing events over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Events that the event history lacked.
    pub added: u64,
    /// Where older events begin; `None` where there are none.
    pub before: Option<i64>,
}

/// Hands over to the event history those of the `limit` newest events before the place `before` that were written without
/// it: before it was switched on, or by a program that does not know of it.
///
/// # Errors
/// When the database is away.
pub async fn adopt(store: &Store, before: i64, limit: i64) -> Result<Adopted, StoreError> {
    static ADOPT: Sql = Sql::new(
        "INSERT INTO deliveries (seq, destination, subject, next_at)
         SELECT o.seq, CAST($1 AS TEXT), o.subject, 0
         FROM (SELECT seq, subject, type FROM outbox WHERE seq < $2 ORDER BY seq DESC LIMIT $3) o
         WHERE o.type <> 'inventory.message.replayed'
           AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = o.seq AND d.destination = $1)
         ON CONFLICT (seq, destination) DO NOTHING",
    );
    static LAST: Sql = Sql::new("SELECT seq FROM outbox WHERE seq < $1 ORDER BY seq DESC LIMIT 1 OFFSET $2");
    let name = destination::EVENT_HISTORY;
    let added = store
        .execute(&ADOPT, &[name.into(), before.into(), limit.into()])
        .await?;
    let before: Option<i64> = store.first(&LAST, &[before.into(), (limit - 1).into()]).await?;
    Ok(Adopted { added, before })
}
