//! The Key Vault as an operator sees it: what is in it, and new versions.

use super::{SecretString, VaultError, vault};
use crate::{Settings, application::Azure};
use inventory_azure::{KeyVault, SecretFacts};
use inventory_domain::Timestamp;
use inventory_store::clock;
use serde::Serialize;
use std::fmt;

/// A secret that the program reads from the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// `database-url`
    DatabaseUrl,
    /// `database-password`
    DatabasePassword,
    /// `jwt-keys`
    JwtKeys,
    /// `webhook-master-key`
    WebhookMasterKey,
    /// `payment-webhook-secrets`
    PaymentWebhookSecrets,
    /// `redis-url`
    RedisUrl,
}

impl Secret {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::DatabaseUrl,
        Self::DatabasePassword,
        Self::JwtKeys,
        Self::WebhookMasterKey,
        Self::PaymentWebhookSecrets,
        Self::RedisUrl,
    ];

    /// Its name in the vault.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DatabaseUrl => vault::DATABASE_URL,
            Self::DatabasePassword => vault::DATABASE_PASSWORD,
            Self::JwtKeys => vault::JWT_KEYS,
            Self::WebhookMasterKey => vault::WEBHOOK_MASTER_KEY,
            Self::PaymentWebhookSecrets => vault::PAYMENT_WEBHOOK_SECRETS,
            Self::RedisUrl => vault::REDIS_URL,
        }
    }

    /// The setting that takes its place where there is no vault.
    pub fn setting(self) -> String {
        self.name().to_uppercase().replace('-', "_")
    }

    /// The secret with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.name() == name)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the vault says of a secret. Never its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// Its name.
    pub name: &'static str,
    /// Its versions; 0: it is not there.
    pub versions: usize,
    /// Whether the program can read it.
    pub is_good: bool,
    /// When the current version was made.
    pub created_at: Option<Timestamp>,
    /// When the current version ends, where it does.
    pub expires_at: Option<Timestamp>,
}

impl State {
    fn of(secret: Secret, facts: Option<SecretFacts>) -> Self {
        let expires_at = facts.as_ref().and_then(|facts| facts.expires).map(Timestamp::from);
        Self {
            name: secret.name(),
            versions: facts.as_ref().map_or(0, |facts| facts.versions),
            is_good: facts.as_ref().is_some_and(|facts| facts.is_enabled) && expires_at.is_none_or(|end| end > clock()),
            created_at: facts.and_then(|facts| facts.created).map(Timestamp::from),
            expires_at,
        }
    }
}

/// The vault of the settings.
#[derive(Debug)]
pub struct Vault(KeyVault);

impl Vault {
    /// `None` where the settings name no vault. Nothing is asked yet.
    pub fn of(settings: &Settings, azure: Azure) -> Option<Self> {
        let url = settings.azure.key_vault.clone()?;
        Some(Self(KeyVault::new(url, azure.credential, azure.key_vault)))
    }

    /// How it stands with a secret.
    ///
    /// # Errors
    /// When the vault does not say.
    pub async fn state(&self, secret: Secret) -> Result<State, VaultError> {
        let facts = self.0.facts(secret.name()).await?;
        Ok(State::of(secret, facts))
    }

    /// The current version; `None` where there is no such secret.
    ///
    /// # Errors
    /// When the vault does not give it.
    pub async fn get(&self, secret: Secret) -> Result<Option<SecretString>, VaultError> {
        self.0.get(secret.name()).await
    }

    /// Gives the secret a new version, the current one from now on.
    ///
    /// # Errors
    /// When the vault does not take it.
    pub async fn put(&self, secret: Secret, value: &SecretString) -> Result<(), VaultError> {
        self.0.put(secret.name(), value).await
    }
}
