//! Webhooks and channels in the database: where they are, what they want, their sealed secrets, how they fare.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, destination, json},
    filter::Filter,
    outbox::Destination,
    paging::{Column, Page, Sorting},
    products::expect_version,
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    channel::ChannelKind,
    delivery::{Delivery, DisabledReason},
    event::EventType,
    limits,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Webhooks.
    Webhooks,
    /// Channels of alerts.
    Channels,
}

/// What deliveries are counted as ([`Receiver::counted_as`]).
pub const COUNTED_AS: [&str; 3] = ["webhooks", "channels", "exports"];

impl Resource {
    const ALL: [Self; 2] = [Self::Webhooks, Self::Channels];

    /// Its name in the database and in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Channels => "channels",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.as_str() == text)
    }

    const fn one(self) -> &'static str {
        match self {
            Self::Webhooks => "webhook",
            Self::Channels => "channel",
        }
    }

    const fn disabled(self) -> EventType {
        match self {
            Self::Webhooks => EventType::WebhookDisabled,
            Self::Channels => EventType::ChannelDisabled,
        }
    }

    /// The subject of its events and audit rows.
    pub fn subject(self, id: i64) -> String {
        format!("{}/{id}", self.as_str())
    }
}

/// How a receiver is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverKind {
    /// It is sent something.
    Channel(ChannelKind),
    /// Files of events are written for it, many events at a time.
    Export,
}

impl ReceiverKind {
    /// The word of exports in the database, also in [`crate::notifications`].
    pub(crate) const EXPORT: &str = "export";

    const fn as_str(self) -> &'static str {
        match self {
            Self::Channel(kind) => kind.as_str(),
            Self::Export => Self::EXPORT,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            Self::EXPORT => Some(Self::Export),
            _ => ChannelKind::parse(text).map(Self::Channel),
        }
    }

    /// How it is sent something.
    ///
    /// # Errors
    /// When it is sent nothing: such a receiver is no channel.
    pub fn channel(self) -> Result<ChannelKind, StoreError> {
        match self {
            Self::Channel(kind) => Ok(kind),
            Self::Export => Err(StoreError::unknown_word("channel", Self::EXPORT)),
        }
    }
}

/// A receiver as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Positive, given by us.
    pub id: i64,
    /// Webhook or channel.
    pub resource: Resource,
    /// How it is reached.
    pub kind: ReceiverKind,
    /// For people.
    pub name: String,
    /// Where it is and what it wants: JSON, nothing secret.
    pub details: String,
    /// Its secrets, sealed.
    pub secrets: Option<String>,
    /// What the secrets are bound to.
    pub seal: Uuid,
    /// Whether it is sent anything.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when nothing reaches it.
    pub failing_since: Option<Timestamp>,
    /// Grows with each change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl FromRow for Receiver {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            resource: row.word(Resource::parse)?,
            kind: row.word(ReceiverKind::parse)?,
            name: row.text()?,
            details: row.text()?,
            secrets: row.text_opt()?,
            seal: row.uuid()?,
            enabled: row.int()? != 0,
            disabled_reason: row.word_opt(DisabledReason::parse)?,
            failing_since: row.time_opt()?,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

impl Receiver {
    /// What deliveries to receivers such as this one are counted as.
    pub const fn counted_as(&self) -> &'static str {
        match self.kind {
            ReceiverKind::Channel(_) => self.resource.as_str(),
            ReceiverKind::Export => "exports",
        }
    }

    /// What it is and wants, as its resource has it.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    pub fn details<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.details).map_err(|error| StoreError::Internal(sqlx::Error::Decode(error.into())))
    }
}

const SELECT: &str = "SELECT id, resource, kind, name, details, secrets, seal, enabled, disabled_reason, failing_since, version, \
                      created_at, updated_at FROM receivers";

/// What receivers may be sorted by: there are not many.
pub static SORTING: Sorting = Sorting::new("id", &[Column::int("id", "id"), Column::text("name", "name")]);

/// A page of receivers.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, resource: Resource, page: Page) -> Result<Vec<Receiver>, StoreError> {
    let mut filter = Filter::new();
    filter.add("resource = ?", resource.as_str());
    let (sql, args) = filter.page(SELECT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many receivers.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, resource: Resource) -> Result<i64, StoreError> {
    let mut filter = Filter::new();
    filter.add("resource = ?", resource.as_str());
    let (sql, args) = filter.count("receivers");
    store.one(sql, &args).await
}

/// Those that are sent something.
///
/// # Errors
/// When the database is away.
pub async fn enabled(store: &Store) -> Result<Vec<Receiver>, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE enabled = 1 ORDER BY id"));
    store.all(sql, &[]).await
}

/// One receiver.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, resource: Resource, id: i64) -> Result<Receiver, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE resource = $1 AND id = $2"));
    Ok(store
        .first(sql, &[resource.as_str().into(), id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found(resource.one(), id))?)
}

/// One receiver, locked, in the version that is expected.
///
/// # Errors
/// When there is none with this id, or its version is another one.
pub async fn lock(tx: &mut Tx, resource: Resource, id: i64, expected: Option<i64>) -> Result<Receiver, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE resource = $1 AND id = $2 {{lock}}"));
    let receiver: Receiver = tx
        .first(sql, &[resource.as_str().into(), id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found(resource.one(), id))?;
    expect_version(expected, receiver.version)?;
    Ok(receiver)
}

/// What is written of a receiver.
pub struct Content<'a, V> {
    /// How it is reached.
    pub kind: ReceiverKind,
    /// For people.
    pub name: &'a str,
    /// Where it is and what it wants: JSON, nothing secret.
    pub details: &'a str,
    /// Its secrets, sealed.
    pub secrets: Option<&'a str>,
    /// What the types of its events begin with.
    pub prefixes: &'a [String],
    /// What callers and the audit trail see of it.
    pub view: fn(&Receiver) -> Result<V, StoreError>,
}

fn taken(error: StoreError, name: &str) -> StoreError {
    error.on_constraint("receivers_name_key", "receivers.resource, receivers.name", || {
        Refusal::conflict(
            Conflict::ReceiverNameTaken,
            format!("another one has the name {name:?}"),
        )
    })
}

/// Adds a receiver.
///
/// # Errors
/// When the name is taken, or there are as many as there may be.
pub async fn create<V: Serialize>(
    tx: &mut Tx,
    resource: Resource,
    seal: Uuid,
    action: &'static str,
    content: &Content<'_, V>,
) -> Result<Receiver, StoreError> {
    static COUNT: Sql = Sql::new("SELECT COUNT(*) FROM receivers");
    static INSERT: Sql = Sql::new(
        "INSERT INTO receivers (resource, kind, name, details, secrets, seal, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         RETURNING id, resource, kind, name, details, secrets, seal, enabled, disabled_reason, failing_since, version, created_at, updated_at",
    );
    if tx.one::<i64>(&COUNT, &[]).await? >= limits::RECEIVERS_MAX {
        let detail = format!("there may be {} webhooks and channels together", limits::RECEIVERS_MAX);
        return Err(Refusal::conflict(Conflict::ReceiverLimit, detail).into());
    }
    let args = [
        resource.as_str().into(),
        content.kind.as_str().into(),
        content.name.into(),
        content.details.into(),
        content.secrets.into(),
        seal.into(),
        tx.now().into(),
    ];
    let receiver: Receiver = tx
        .one(&INSERT, &args)
        .await
        .map_err(|error| taken(error, content.name))?;
    subscribe(tx, &receiver, content.prefixes).await?;
    let view = (content.view)(&receiver)?;
    tx.audit(action, resource.subject(receiver.id), None, Some(&view))?;
    Ok(receiver)
}

/// Writes a receiver that was [`lock`]ed: `after` says whether it is enabled, the rest is in `content`.
///
/// # Errors
/// When the name is taken.
pub async fn update<V: Serialize>(
    tx: &mut Tx,
    before: &Receiver,
    after: Receiver,
    action: &'static str,
    content: &Content<'_, V>,
) -> Result<Receiver, StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE receivers SET name = $2, details = $3, secrets = $4, enabled = $5, disabled_reason = $6, failing_since = $7,
                version = $8, updated_at = $9 WHERE id = $1",
    );
    let after = Receiver {
        name: content.name.to_owned(),
        details: content.details.to_owned(),
        secrets: content.secrets.map(str::to_owned),
        version: before.version + 1,
        updated_at: tx.now(),
        ..after
    };
    let args = [
        after.id.into(),
        (&after.name).into(),
        (&after.details).into(),
        after.secrets.as_deref().into(),
        i64::from(after.enabled).into(),
        after.disabled_reason.map(DisabledReason::as_str).into(),
        after.failing_since.map(Timestamp::micros).into(),
        after.version.into(),
        after.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args)
        .await
        .map_err(|error| taken(error, content.name))?;
    unsubscribe(tx, &after).await?;
    if after.enabled {
        subscribe(tx, &after, content.prefixes).await?;
    } else if before.enabled {
        abandon(tx, after.id).await?;
    }
    let subject = after.resource.subject(after.id);
    tx.audit(
        action,
        subject,
        Some(&(content.view)(before)?),
        Some(&(content.view)(&after)?),
    )?;
    Ok(after)
}

/// Deletes a receiver that was [`lock`]ed, with everything that is on its way to it.
///
/// # Errors
/// When the database is away.
pub async fn delete<V: Serialize>(
    tx: &mut Tx,
    receiver: &Receiver,
    action: &'static str,
    view: &V,
) -> Result<(), StoreError> {
    static DELETE: Sql = Sql::new("DELETE FROM receivers WHERE id = $1");
    unsubscribe(tx, receiver).await?;
    tx.execute(&DELETE, &[receiver.id.into()]).await?;
    tx.audit(action, receiver.resource.subject(receiver.id), Some(view), None)
}

/// Switches a receiver off that does not want to be told any more or has failed for too long, and tells everybody.
///
/// # Errors
/// When the database is away.
pub(crate) async fn disable(tx: &mut Tx, before: &Receiver, reason: DisabledReason) -> Result<(), StoreError> {
    static DISABLE: Sql =
        Sql::new("UPDATE receivers SET enabled = 0, disabled_reason = $2, version = $3, updated_at = $4 WHERE id = $1");
    let (now, version) = (tx.now(), before.version + 1);
    let args = [before.id.into(), reason.as_str().into(), version.into(), now.into()];
    tx.execute(&DISABLE, &args).await?;
    unsubscribe(tx, before).await?;
    abandon(tx, before.id).await?;
    let what = |version, enabled, reason| SwitchedOff {
        id: before.id,
        name: before.name.clone(),
        enabled,
        disabled_reason: reason,
        failing_since: before.failing_since,
        version,
    };
    let after = what(version, false, Some(reason));
    let subject = before.resource.subject(before.id);
    let event = before.resource.disabled();
    tx.audit(
        event.as_str(),
        &*subject,
        Some(&what(before.version, true, None)),
        Some(&after),
    )?;
    tx.event(event, subject, &after)
}

/// What is told of a receiver that was switched off. Not its address: that of a channel may be a secret.
#[derive(Serialize)]
struct SwitchedOff {
    id: i64,
    name: String,
    enabled: bool,
    disabled_reason: Option<DisabledReason>,
    failing_since: Option<Timestamp>,
    version: i64,
}

#[derive(Serialize)]
struct PrefixRow<'a> {
    prefix: &'a str,
}

async fn subscribe(tx: &mut Tx, receiver: &Receiver, prefixes: &[String]) -> Result<(), StoreError> {
    let rows: Vec<_> = prefixes.iter().map(|prefix| PrefixRow { prefix }).collect();
    let owner = format!("receivers/{}", receiver.id);
    insert_subscriptions(tx, &owner, destination::RECEIVERS, &json(&rows)?).await
}

async fn insert_subscriptions(tx: &mut Tx, owner: &str, destination: &str, rows: &str) -> Result<(), StoreError> {
    static SUBSCRIBE: Sql = Sql::new(
        "INSERT INTO subscriptions (owner, prefix, destination)
         SELECT CAST($1 AS TEXT), r.prefix, CAST($2 AS TEXT) FROM {rows $3 r: prefix TEXT} WHERE true ON CONFLICT (owner, prefix) DO NOTHING",
    );
    tx.execute(&SUBSCRIBE, &[owner.into(), destination.into(), rows.into()])
        .await
        .map(drop)
}

async fn unsubscribe(tx: &mut Tx, receiver: &Receiver) -> Result<(), StoreError> {
    static UNSUBSCRIBE: Sql = Sql::new("DELETE FROM subscriptions WHERE owner = $1");
    let owner = format!("receivers/{}", receiver.id);
    tx.execute(&UNSUBSCRIBE, &[(&owner).into()]).await.map(drop)
}

/// What is on its way to a receiver that is switched off is given up; it can be sent again by hand.
async fn abandon(tx: &mut Tx, id: i64) -> Result<(), StoreError> {
    static ABANDON: Sql = Sql::new(
        "UPDATE notifications SET state = 'failed', finished_at = $2 WHERE receiver_id = $1 AND state = 'pending'",
    );
    tx.execute(&ABANDON, &[id.into(), tx.now().into()]).await.map(drop)
}

/// The statement that locks the receiver `$1`.
pub(crate) fn locked() -> String {
    format!("{SELECT} WHERE id = $1 {{lock}}")
}

/// Whether somebody wants events at `destination`, or some are on their way there.
///
/// # Errors
/// When the database is away.
pub async fn is_subscribed(store: &Store, destination: Destination) -> Result<bool, StoreError> {
    static IS: Sql = Sql::new(
        "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM subscriptions WHERE destination = $1)
         OR EXISTS (SELECT 1 FROM deliveries WHERE destination = $1 AND state = 'pending') THEN 1 ELSE 0 END AS BIGINT)",
    );
    Ok(store.one::<i64>(&IS, &[destination.as_str().into()]).await? != 0)
}

/// Records that somebody has tried a receiver out.
///
/// # Errors
/// When the delivery cannot be written as JSON.
pub fn audit_test(
    tx: &mut Tx,
    receiver: &Receiver,
    action: &'static str,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    tx.audit(action, receiver.resource.subject(receiver.id), None, Some(delivery))
}
