//! What the vault holds, over what the settings hold.

use super::{JwtKeys, SecretString, SecretValues};
use inventory_azure::{KeyVault, KeyVaultError};
use secrecy::ExposeSecret as _;

/// Secrets are named as the settings are, in lower case and with `-` for `_` (a vault's names know no `_`).
pub(super) const DATABASE_URL: &str = "database-url";
pub(super) const DATABASE_PASSWORD: &str = "database-password";
pub(super) const JWT_KEYS: &str = "jwt-keys";
pub(super) const WEBHOOK_MASTER_KEY: &str = "webhook-master-key";
pub(super) const PAYMENT_WEBHOOK_SECRETS: &str = "payment-webhook-secrets";
pub(super) const REDIS_URL: &str = "redis-url";

/// Why the secrets were not read. Never shows one.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Vault(#[from] KeyVaultError),
    #[error("the secret {name} {what}")]
    Wrong { name: &'static str, what: &'static str },
}

/// Reads all secrets. What the vault does not hold is as the settings give it.
pub(super) async fn read(vault: &KeyVault, given: &SecretValues) -> Result<SecretValues, ReadError> {
    // One before the others: from its answer the client learns where to get a token.
    let database_url = get(vault, DATABASE_URL).await?;
    let (database_password, jwt_keys, webhook_master_key, payment_webhook_secrets, redis_url) = tokio::try_join!(
        get(vault, DATABASE_PASSWORD),
        vault.get_with_previous(JWT_KEYS),
        get(vault, WEBHOOK_MASTER_KEY),
        get(vault, PAYMENT_WEBHOOK_SECRETS),
        get(vault, REDIS_URL),
    )?;
    let jwt_keys = keys(&jwt_keys).map_err(|what| ReadError::Wrong { name: JWT_KEYS, what })?;
    let payment_webhook_secrets = payment_webhook_secrets
        .map(|secrets| super::shared_secrets(secrets.expose_secret()))
        .transpose()
        .map_err(|what| ReadError::Wrong {
            name: PAYMENT_WEBHOOK_SECRETS,
            what,
        })?;
    let redis_url = redis_url
        .map(|url| super::redis_url(url.expose_secret()))
        .transpose()
        .map_err(|what| ReadError::Wrong { name: REDIS_URL, what })?;
    // The password of the settings belongs to the URL of the settings.
    let database_password = match (&database_url, database_password) {
        (None, None) => given.database_password.clone(),
        (_, password) => password,
    };
    Ok(SecretValues {
        database_url: database_url.or_else(|| given.database_url.clone()),
        database_password,
        jwt_keys: if jwt_keys.is_empty() {
            given.jwt_keys.clone()
        } else {
            jwt_keys
        },
        webhook_master_key: webhook_master_key.or_else(|| given.webhook_master_key.clone()),
        payment_webhook_secrets: payment_webhook_secrets.unwrap_or_else(|| given.payment_webhook_secrets.clone()),
        redis_url: redis_url.or_else(|| given.redis_url.clone()),
    })
}

/// A secret without white space around it, which editors leave; empty is absent, as with settings.
async fn get(vault: &KeyVault, name: &str) -> Result<Option<SecretString>, KeyVaultError> {
    let secret = vault.get(name).await?;
    Ok(secret.and_then(|secret| {
        let text = secret.expose_secret().trim();
        (!text.is_empty()).then(|| text.into())
    }))
}

/// The keys of the current version, then those of the one before it: a new version is all that a rotation takes. One
/// before that is no good is not in the way of the one that puts it right.
fn keys(versions: &[SecretString]) -> Result<JwtKeys, &'static str> {
    let mut keys: Vec<SecretString> = Vec::new();
    for (age, version) in versions.iter().enumerate() {
        let of_version = match super::jwt_keys(version.expose_secret()) {
            Err(what) if age == 0 => return Err(what),
            other => other.unwrap_or_default(),
        };
        for key in &*of_version {
            if keys.iter().all(|known| known.expose_secret() != key.expose_secret()) {
                keys.push(key.clone());
            }
        }
    }
    Ok(keys.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_versions_are_each_there_once() {
        let (a, b, c) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
        let versions = [format!("{c} {b}").into(), format!("{b} {a}").into()];
        let keys = keys(&versions).unwrap();
        assert_eq!(super::super::texts(&keys).collect::<Vec<_>>(), [&c, &b, &a]);
        assert!(super::keys(&["short".into()]).is_err());
        assert!(super::keys(&["short".into(), a.as_str().into()]).is_err());
        let put_right = super::keys(&[a.as_str().into(), "short".into()]).unwrap();
        assert_eq!(super::super::texts(&put_right).collect::<Vec<_>>(), [&a]);
        assert!(super::keys(&[]).unwrap().is_empty());
    }
}
