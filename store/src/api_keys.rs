//! API keys in the database, as hashes.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store},
    filter::Filter,
    paging::{Column, Page, Sorting},
    products::expect_version,
};
use inventory_domain::{
    Conflict, Refusal, Role, Timestamp,
    account::{ApiKey, NewApiKey},
};

const SELECT: &str = "SELECT id, name, prefix, role, created_by, version, created_at, expires_at, last_used_at, revoked_at \
                      FROM api_keys";

impl FromRow for ApiKey {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            name: row.text()?,
            prefix: row.text()?,
            role: row.word(Role::grantable)?,
            created_by: row.text()?,
            version: row.int()?,
            created_at: row.time()?,
            expires_at: row.time()?,
            last_used_at: row.time_opt()?,
            revoked_at: row.time_opt()?,
        })
    }
}

/// What API keys may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "id")]);

/// A page of API keys.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, page: Page) -> Result<Vec<ApiKey>, StoreError> {
    let (sql, args) = Filter::new().page(SELECT, &SORTING, page);
    store.all(sql, &args).await
}

/// How many API keys.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store) -> Result<i64, StoreError> {
    let (sql, args) = Filter::new().count("api_keys");
    store.one(sql, &args).await
}

/// One API key.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<ApiKey, StoreError> {
    static GET: Sql = Sql::new(
        "SELECT id, name, prefix, role, created_by, version, created_at, expires_at, last_used_at, revoked_at
         FROM api_keys WHERE id = $1",
    );
    Ok(store
        .first(&GET, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("api key", id))?)
}

/// An API key with its hash.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// SHA-256 of the whole key, in hexadecimal.
    pub hash: String,
}

impl FromRow for StoredKey {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            key: ApiKey::from_row(row)?,
            hash: row.text()?,
        })
    }
}

/// The key with this prefix.
///
/// # Errors
/// When the database is away.
pub async fn with_prefix(store: &Store, prefix: &str) -> Result<Option<StoredKey>, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT id, name, prefix, role, created_by, version, created_at, expires_at, last_used_at, revoked_at, hash
         FROM api_keys WHERE prefix = $1",
    );
    store.first(&FIND, &[prefix.into()]).await
}

/// Creates a key, known by `prefix` and `hash`.
///
/// # Errors
/// When the input breaks a rule, or the name is taken.
pub async fn create(tx: &mut Tx, new: &NewApiKey, prefix: &str, hash: &str) -> Result<ApiKey, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO api_keys (name, prefix, hash, role, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id, name, prefix, role, created_by, version, created_at, expires_at, last_used_at, revoked_at",
    );
    const MINUTES_A_DAY: i64 = 24 * 60;
    new.validate()?;
    let created_by = tx.caller().actor.clone();
    let args = [
        (&new.name).into(),
        prefix.into(),
        hash.into(),
        new.role.as_str().into(),
        (&created_by).into(),
        tx.now().into(),
        tx.now().plus_minutes(new.expires_in_days * MINUTES_A_DAY).into(),
    ];
    let key: ApiKey = tx.one(&INSERT, &args).await.map_err(|error| {
        error.on_constraint("api_keys_name_key", "api_keys.name", || {
            let detail = format!("another key has the name {:?}", new.name);
            Refusal::conflict(Conflict::ApiKeyNameTaken, detail)
        })
    })?;
    tx.audit("keys_create", subject(key.id), None, Some(&key))?;
    Ok(key)
}

fn subject(id: i64) -> String {
    format!("api-keys/{id}")
}

/// Revokes a key. Revoking a revoked key changes nothing.
///
/// # Errors
/// When there is none, or the version is another one.
pub async fn revoke(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<ApiKey, StoreError> {
    static LOCK: Sql = Sql::new(
        "SELECT id, name, prefix, role, created_by, version, created_at, expires_at, last_used_at, revoked_at
         FROM api_keys WHERE id = $1 {lock}",
    );
    static REVOKE: Sql = Sql::new("UPDATE api_keys SET revoked_at = $2, version = $3 WHERE id = $1");
    let before: ApiKey = tx
        .first(&LOCK, &[id.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("api key", id))?;
    expect_version(expected, before.version)?;
    if before.revoked_at.is_some() {
        return Ok(before);
    }
    let after = ApiKey {
        revoked_at: Some(tx.now()),
        version: before.version + 1,
        ..before.clone()
    };
    let args = [id.into(), tx.now().into(), after.version.into()];
    tx.execute(&REVOKE, &args).await?;
    tx.audit("keys_revoke", subject(id), Some(&before), Some(&after))?;
    Ok(after)
}

/// Notes that a key was used at `now`, unless that was noted after `since` already.
///
/// # Errors
/// When the database is away.
pub async fn used(store: &Store, id: i64, now: Timestamp, since: Timestamp) -> Result<(), StoreError> {
    static USED: Sql =
        Sql::new("UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)");
    store.execute(&USED, &[id.into(), now.into(), since.into()]).await?;
    Ok(())
}
