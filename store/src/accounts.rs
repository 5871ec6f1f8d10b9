//! Clients and users in the database, their secrets' hashes, and tokens that are void.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store},
    filter::Filter,
    paging::{Column, Page, Sorting},
    products::expect_version,
};
use inventory_domain::{
    Conflict, Refusal, Role, Timestamp,
    account::{Account, AccountChanges, AccountKind},
};
use uuid::Uuid;

impl FromRow for Account {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            kind: row.word(AccountKind::parse)?,
            name: row.text()?,
            role: row.word(Role::grantable)?,
            enabled: row.int()? != 0,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }
}

/// What accounts may be sorted by.
pub static SORTING: Sorting = Sorting::new("id", &[Column::int("id", "id"), Column::text("name", "name")]);

/// A page of accounts of one kind.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, kind: AccountKind, page: Page) -> Result<Vec<Account>, StoreError> {
    let mut filter = Filter::new();
    filter.add("kind = ?", kind.as_str());
    let select = "SELECT id, kind, name, role, enabled, version, created_at, updated_at FROM accounts";
    let (sql, args) = filter.page(select, &SORTING, page);
    store.all(sql, &args).await
}

/// How many accounts of one kind.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, kind: AccountKind) -> Result<i64, StoreError> {
    let mut filter = Filter::new();
    filter.add("kind = ?", kind.as_str());
    let (sql, args) = filter.count("accounts");
    store.one(sql, &args).await
}

fn missing(kind: AccountKind, id: impl std::fmt::Display) -> StoreError {
    Refusal::not_found(kind.as_str(), id).into()
}

/// One account.
///
/// # Errors
/// When there is none of this kind with this id.
pub async fn get(store: &Store, kind: AccountKind, id: i64) -> Result<Account, StoreError> {
    static GET: Sql = Sql::new(
        "SELECT id, kind, name, role, enabled, version, created_at, updated_at FROM accounts WHERE id = $1 AND kind = $2",
    );
    store
        .first(&GET, &[id.into(), kind.as_str().into()])
        .await?
        .ok_or_else(|| missing(kind, id))
}

/// One account by its name.
///
/// # Errors
/// When there is none of this kind with this name.
pub async fn named(store: &Store, kind: AccountKind, name: &str) -> Result<Account, StoreError> {
    static NAMED: Sql = Sql::new(
        "SELECT id, kind, name, role, enabled, version, created_at, updated_at FROM accounts WHERE kind = $1 AND name = $2",
    );
    store
        .first(&NAMED, &[kind.as_str().into(), name.into()])
        .await?
        .ok_or_else(|| missing(kind, name))
}

fn subject(account: &Account) -> String {
    format!("{}s/{}", account.kind, account.id)
}

/// The action that audit rows name: `clients_create`.
fn action(kind: AccountKind, client: &'static str, user: &'static str) -> &'static str {
    match kind {
        AccountKind::Client => client,
        AccountKind::User => user,
    }
}

/// A secret as it is kept.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// Tells a client's secrets apart; empty for a password.
    pub hint: String,
    /// Its hash in PHC form.
    pub hash: String,
}

/// Creates an account with its first secret. What is given must have been checked.
///
/// # Errors
/// When the name is taken.
pub async fn create(
    tx: &mut Tx,
    kind: AccountKind,
    name: &str,
    role: Role,
    secret: &StoredSecret,
) -> Result<Account, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO accounts (kind, name, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
         RETURNING id, kind, name, role, enabled, version, created_at, updated_at",
    );
    let args = [kind.as_str().into(), name.into(), role.as_str().into(), tx.now().into()];
    let account: Account = tx.one(&INSERT, &args).await.map_err(|error| {
        error.on_constraint("accounts_name_key", "accounts.name", || {
            Refusal::conflict(
                Conflict::AccountNameTaken,
                format!("another {kind} has the name {name:?}"),
            )
        })
    })?;
    add_secret(tx, account.id, secret).await?;
    let action = action(kind, "clients_create", "users_create");
    tx.audit(action, subject(&account), None, Some(&account))?;
    Ok(account)
}

async fn add_secret(tx: &mut Tx, account_id: i64, secret: &StoredSecret) -> Result<(), StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO account_secrets (account_id, hint, hash, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id, hint) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at, expires_at = NULL",
    );
    let args = [
        account_id.into(),
        (&secret.hint).into(),
        (&secret.hash).into(),
        tx.now().into(),
    ];
    tx.execute(&INSERT, &args).await?;
    Ok(())
}

async fn lock(tx: &mut Tx, kind: AccountKind, id: i64, expected: Option<i64>) -> Result<Account, StoreError> {
    static LOCK: Sql = Sql::new(
        "SELECT id, kind, name, role, enabled, version, created_at, updated_at FROM accounts
         WHERE id = $1 AND kind = $2 {lock}",
    );
    let account: Account = tx
        .first(&LOCK, &[id.into(), kind.as_str().into()])
        .await?
        .ok_or_else(|| missing(kind, id))?;
    expect_version(expected, account.version)?;
    Ok(account)
}

/// Writes `after`, one version on; `void_tokens`: tokens given so far are void.
async fn write(tx: &mut Tx, mut after: Account, void_tokens: bool) -> Result<Account, StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE accounts SET role = $2, enabled = $3, version = $4, updated_at = $5, generation = generation + $6
         WHERE id = $1",
    );
    after.version += 1;
    after.updated_at = tx.now();
    let args = [
        after.id.into(),
        after.role.as_str().into(),
        i64::from(after.enabled).into(),
        after.version.into(),
        after.updated_at.into(),
        i64::from(void_tokens).into(),
    ];
    tx.execute(&UPDATE, &args).await?;
    Ok(after)
}

/// Changes an account; `password` is the hash of a new one. With a new password, or when asked, its tokens are void.
///
/// # Errors
/// When the change breaks a rule, or the version is another one.
pub async fn update(
    tx: &mut Tx,
    kind: AccountKind,
    id: i64,
    expected: Option<i64>,
    changes: &AccountChanges,
    password: Option<&StoredSecret>,
) -> Result<Account, StoreError> {
    let before = lock(tx, kind, id, expected).await?;
    let after = changes.apply(&before)?;
    let void_tokens = changes.revoke_tokens || password.is_some();
    if after == before && !void_tokens {
        return Ok(before);
    }
    if let Some(password) = password {
        add_secret(tx, id, password).await?;
    }
    let after = write(tx, after, void_tokens).await?;
    let action = action(kind, "clients_update", "users_update");
    tx.audit(action, subject(&after), Some(&before), Some(&after))?;
    Ok(after)
}

/// Gives a client another secret. The newest of the former ones is good until `until`, the others no more; without `until`
/// none is, and its tokens are void.
///
/// # Errors
/// When there is no such client, or the version is another one.
pub async fn rotate(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    secret: &StoredSecret,
    until: Option<Timestamp>,
) -> Result<Account, StoreError> {
    static END_ALL: Sql = Sql::new("DELETE FROM account_secrets WHERE account_id = $1");
    static END_OLD: Sql = Sql::new(
        "DELETE FROM account_secrets WHERE account_id = $1 AND hint <> COALESCE((SELECT hint FROM account_secrets
         WHERE account_id = $1 ORDER BY CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END, created_at DESC, hint LIMIT 1), '')",
    );
    static END_LATER: Sql = Sql::new(
        "UPDATE account_secrets SET expires_at = $2 WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
    );
    let before = lock(tx, AccountKind::Client, id, expected).await?;
    match until {
        None => {
            tx.execute(&END_ALL, &[id.into()]).await?;
        }
        Some(until) => {
            tx.execute(&END_OLD, &[id.into()]).await?;
            tx.execute(&END_LATER, &[id.into(), until.into()]).await?;
        }
    }
    add_secret(tx, id, secret).await?;
    let after = write(tx, before.clone(), until.is_none()).await?;
    tx.audit("clients_rotate", subject(&after), Some(&before), Some(&after))?;
    Ok(after)
}

/// Deletes an account with its secrets; its tokens are void. What it did stays in the audit trail under its name.
///
/// # Errors
/// When there is none, or the version is another one.
pub async fn delete(tx: &mut Tx, kind: AccountKind, id: i64, expected: Option<i64>) -> Result<Account, StoreError> {
    static DELETE: Sql = Sql::new("DELETE FROM accounts WHERE id = $1");
    let before = lock(tx, kind, id, expected).await?;
    tx.execute(&DELETE, &[id.into()]).await?;
    let action = action(kind, "clients_delete", "users_delete");
    tx.audit(action, subject(&before), Some(&before), None)?;
    Ok(before)
}

/// What a sign-in is held against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account's id.
    pub account_id: i64,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub enabled: bool,
    /// The generation of its tokens.
    pub generation: i64,
    /// The hash of the secret with the hint that was asked for, where it has one that is good.
    pub hash: Option<String>,
}

impl FromRow for Credentials {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            account_id: row.int()?,
            role: row.word(Role::grantable)?,
            enabled: row.int()? != 0,
            generation: row.int()?,
            hash: row.text_opt()?,
        })
    }
}

/// What a sign-in under this name, with a secret of this hint, is held against.
///
/// # Errors
/// When the database is away.
pub async fn credentials(
    store: &Store,
    kind: AccountKind,
    name: &str,
    hint: &str,
    now: Timestamp,
) -> Result<Option<Credentials>, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT a.id, a.role, a.enabled, a.generation, s.hash FROM accounts a
         LEFT JOIN account_secrets s ON s.account_id = a.id AND s.hint = $3 AND (s.expires_at IS NULL OR s.expires_at > $4)
         WHERE a.kind = $1 AND a.name = $2",
    );
    let args = [kind.as_str().into(), name.into(), hint.into(), now.into()];
    store.first(&FIND, &args).await
}

/// What a token of an account is held against.
#[derive(Clone, Debug)]
pub struct TokenState {
    /// What the account may do now.
    pub role: Role,
    /// Whether its tokens are good.
    pub enabled: bool,
    /// Tokens of other generations are void.
    pub generation: i64,
    /// So are these.
    pub revoked: Vec<Uuid>,
}

struct TokenStateRow(Role, i64, i64, Option<Uuid>);

impl FromRow for TokenStateRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self(
            row.word(Role::grantable)?,
            row.int()?,
            row.int()?,
            row.uuid_opt()?,
        ))
    }
}

/// What tokens of an account are held against; `None` where there is no such account.
///
/// # Errors
/// When the database is away.
pub async fn token_state(store: &Store, account_id: i64, now: Timestamp) -> Result<Option<TokenState>, StoreError> {
    static FIND: Sql = Sql::new(
        "SELECT a.role, a.enabled, a.generation, r.token_id FROM accounts a
         LEFT JOIN revoked_tokens r ON r.account_id = a.id AND r.expires_at > $2 WHERE a.id = $1",
    );
    let rows: Vec<TokenStateRow> = store.all(&FIND, &[account_id.into(), now.into()]).await?;
    let Some(TokenStateRow(role, enabled, generation, _)) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(TokenState {
        role: *role,
        enabled: *enabled != 0,
        generation: *generation,
        revoked: rows.iter().filter_map(|row| row.3).collect(),
    }))
}

/// A token that is void before it expires.
#[derive(Clone, Copy, Debug)]
pub struct RevokedToken {
    /// Its id (`jti`).
    pub token_id: Uuid,
    /// Whose it is.
    pub account_id: i64,
    /// When it would have expired.
    pub expires_at: Timestamp,
}

/// Makes a token void. Doing it again changes nothing, and so does a token of an account that is gone.
///
/// # Errors
/// When the database is away.
pub async fn revoke(tx: &mut Tx, token: RevokedToken) -> Result<(), StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO revoked_tokens (token_id, account_id, expires_at) SELECT $1, id, $3 FROM accounts WHERE id = $2
         ON CONFLICT (token_id) DO NOTHING",
    );
    let args = [token.token_id.into(), token.account_id.into(), token.expires_at.into()];
    if tx.execute(&INSERT, &args).await? > 0 {
        let what = serde_json::json!({ "token_id": token.token_id, "expires_at": token.expires_at });
        tx.audit(
            "token_revoke",
            format!("accounts/{}", token.account_id),
            None,
            Some(&what),
        )?;
    }
    Ok(())
}

/// Forgets void tokens and secrets that have expired anyway; says how many.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    static TOKENS: Sql = Sql::new("DELETE FROM revoked_tokens WHERE expires_at <= $1");
    static SECRETS: Sql = Sql::new("DELETE FROM account_secrets WHERE expires_at <= $1");
    Ok(store.execute(&TOKENS, &[now.into()]).await? + store.execute(&SECRETS, &[now.into()]).await?)
}
