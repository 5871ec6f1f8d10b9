//! Clients, users and API keys: made, changed, ended. Secrets are answered once and kept as hashes.

use super::secrets;
use crate::{App, Error, Page, Work};
use inventory_domain::account::{
    Account, AccountChanges, AccountKind, ApiKey, NewApiKey, NewClient, NewUser, Rotation, Secret,
};
use inventory_store::{accounts as store, api_keys};
pub use inventory_store::{accounts::SORTING, api_keys::SORTING as KEYS_SORTING};

/// A page of accounts of one kind.
pub async fn list(app: &App, kind: AccountKind, page: Page) -> Result<Vec<Account>, Error> {
    Ok(store::list(app.store(), kind, page).await?)
}

/// How many accounts of one kind.
pub async fn count(app: &App, kind: AccountKind) -> Result<i64, Error> {
    Ok(store::count(app.store(), kind).await?)
}

/// One account.
pub async fn get(app: &App, kind: AccountKind, id: i64) -> Result<Account, Error> {
    Ok(store::get(app.store(), kind, id).await?)
}

/// One account by its name.
pub async fn named(app: &App, kind: AccountKind, name: &str) -> Result<Account, Error> {
    Ok(store::named(app.store(), kind, name).await?)
}

/// Creates a client; the secret is known to nobody after this.
pub async fn create_client(work: &mut Work, new: &NewClient) -> Result<(Account, Secret), Error> {
    new.validate()?;
    let (hint, secret) = secrets::client_secret()?;
    let stored = secrets::stored(work.app().identity().hashing(), hint, &secret).await?;
    let account = store::create(work, AccountKind::Client, &new.name, new.role, &stored).await?;
    Ok((account, secret))
}

/// Creates a user.
pub async fn create_user(work: &mut Work, new: &NewUser) -> Result<Account, Error> {
    new.validate()?;
    let stored = secrets::stored(work.app().identity().hashing(), String::new(), &new.password).await?;
    Ok(store::create(work, AccountKind::User, &new.name, new.role, &stored).await?)
}

/// A password that we make, for a user who shall choose another.
pub fn generated_password() -> Result<Secret, Error> {
    secrets::password()
}

/// Changes an account.
pub async fn update(
    work: &mut Work,
    kind: AccountKind,
    id: i64,
    version: Option<i64>,
    changes: &AccountChanges,
) -> Result<Account, Error> {
    let password = match &changes.password {
        // Hashing takes a core for some time: only what will be accepted is hashed.
        Some(password) => {
            changes.apply(&store::get(work.app().store(), kind, id).await?)?;
            Some(secrets::stored(work.app().identity().hashing(), String::new(), password).await?)
        }
        None => None,
    };
    Ok(store::update(work, kind, id, version, changes, password.as_ref()).await?)
}

/// Gives a client another secret, known to nobody after this.
pub async fn rotate(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    rotation: &Rotation,
) -> Result<(Account, Secret), Error> {
    rotation.validate()?;
    let (hint, secret) = secrets::client_secret()?;
    let stored = secrets::stored(work.app().identity().hashing(), hint, &secret).await?;
    let until = (rotation.overlap_hours > 0).then(|| work.now().plus_minutes(60 * rotation.overlap_hours));
    let account = store::rotate(work, id, version, &stored, until).await?;
    Ok((account, secret))
}

/// Deletes an account; its tokens are void.
pub async fn delete(work: &mut Work, kind: AccountKind, id: i64, version: Option<i64>) -> Result<Account, Error> {
    Ok(store::delete(work, kind, id, version).await?)
}

/// A page of API keys.
pub async fn list_keys(app: &App, page: Page) -> Result<Vec<ApiKey>, Error> {
    Ok(api_keys::list(app.store(), page).await?)
}

/// How many API keys.
pub async fn count_keys(app: &App) -> Result<i64, Error> {
    Ok(api_keys::count(app.store()).await?)
}

/// One API key.
pub async fn get_key(app: &App, id: i64) -> Result<ApiKey, Error> {
    Ok(api_keys::get(app.store(), id).await?)
}

/// Makes an API key; the key itself is known to nobody after this.
pub async fn create_key(work: &mut Work, new: &NewApiKey) -> Result<(ApiKey, Secret), Error> {
    let (prefix, key) = secrets::api_key()?;
    let made = api_keys::create(work, new, &prefix, &secrets::digest(key.expose())).await?;
    Ok((made, key))
}

/// Revokes an API key.
pub async fn revoke_key(work: &mut Work, id: i64, version: Option<i64>) -> Result<ApiKey, Error> {
    Ok(api_keys::revoke(work, id, version).await?)
}
