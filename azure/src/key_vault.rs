//! Reading secrets from Azure Key Vault, and giving them a new version.
//!
//! Nothing is tried again here: whoever keeps secrets asks again anyway, and knows when. What the vault said about
//! waiting is in the error.

use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{ClientOptions, RawResponse, RetryOptions, StatusCode, Transport, Url, headers::RETRY_AFTER},
};
use azure_security_keyvault_secrets::{
    ResourceExt as _, SecretClient, SecretClientOptions,
    models::{SecretAttributes, SecretClientGetSecretOptions, SecretProperties, SetSecretParameters},
};
use futures_util::TryStreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::{str::FromStr, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::sync::OnceCell;

/// Versions of a secret that are looked at; a vault lists them in no order.
const VERSIONS_MAX: usize = 500;
/// How long a vault's wish to wait is followed.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);
/// Characters of a reason that is not ours.
const TEXT_CHARS_MAX: usize = 300;

/// The address of a vault: `https://NAME.vault.azure.net`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultUrl(Url);

/// Why a text is not the address of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be https://NAME.vault.azure.net")]
pub struct VaultUrlError;

impl FromStr for VaultUrl {
    type Err = VaultUrlError;

    fn from_str(text: &str) -> Result<Self, VaultUrlError> {
        let url = Url::parse(text).map_err(|_| VaultUrlError)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_plain = url.username().is_empty() && url.password().is_none();
        if url.scheme() == "https" && url.has_host() && is_bare && is_plain {
            Ok(Self(url))
        } else {
            Err(VaultUrlError)
        }
    }
}

/// How a [`KeyVault`] behaves.
#[derive(Clone, Debug)]
pub struct KeyVaultOptions {
    /// How long one question may take, getting a token included.
    pub timeout: Duration,
    /// What requests go over; `None`: the one that all of Azure's clients share.
    pub transport: Option<Transport>,
    /// Whether the vault may ask for a token for its own domain only. A test's vault has another domain.
    pub verify_challenge_resource: bool,
}

impl Default for KeyVaultOptions {
    /// 30 s.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            transport: None,
            verify_challenge_resource: true,
        }
    }
}

/// Why a secret was not read or put.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyVaultError {
    /// Too many requests, or the vault is busy.
    #[error("Key Vault is busy ({status})")]
    Busy {
        /// 429 or 503.
        status: u16,
        /// How long it wants to be left alone, where it says so.
        retry_after: Option<Duration>,
    },
    /// The vault does not let us at the secret.
    #[error("Key Vault does not let us at {name} ({status} {code})")]
    Denied {
        /// The secret.
        name: String,
        /// 401 or 403.
        status: u16,
        /// The vault's word for it: `ForbiddenByRbac`, `SecretDisabled`, …
        code: String,
    },
    /// There was no token to show.
    #[error("no token for Key Vault: {0}")]
    Credential(String),
    /// The vault was not reached.
    #[error("Key Vault cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("Key Vault did not answer in time")]
    TimedOut,
    /// It answered something else.
    #[error("Key Vault answered something unexpected: {0}")]
    Unexpected(String),
}

impl KeyVaultError {
    /// How long the vault wants to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What a vault says of a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFacts {
    /// How many versions there are; at most 500 are counted.
    pub versions: usize,
    /// When the current version was made.
    pub created: Option<OffsetDateTime>,
    /// When the current version ends, where it does.
    pub expires: Option<OffsetDateTime>,
    /// Whether the current version can be read.
    pub is_enabled: bool,
}

/// A vault of secrets. The client is made with the first question.
pub struct KeyVault {
    url: VaultUrl,
    credential: Arc<dyn TokenCredential>,
    options: KeyVaultOptions,
    client: OnceCell<SecretClient>,
}

impl std::fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyVault")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A version of a secret.
struct Found {
    value: SecretString,
    version: Option<String>,
    created: Option<OffsetDateTime>,
}

impl KeyVault {
    /// Nothing is asked yet.
    pub fn new(url: VaultUrl, credential: Arc<dyn TokenCredential>, options: KeyVaultOptions) -> Self {
        Self {
            url,
            credential,
            options,
            client: OnceCell::new(),
        }
    }

    /// The current version of a secret; `None` where there is no such secret.
    pub async fn get(&self, name: &str) -> Result<Option<SecretString>, KeyVaultError> {
        let version = self.limited(self.version(name, None)).await?;
        Ok(version.map(|version| version.value))
    }

    /// The current version of a secret and, while it is enabled and has not expired, the one before it.
    pub async fn get_with_previous(&self, name: &str) -> Result<Vec<SecretString>, KeyVaultError> {
        let both = async {
            let Some(current) = self.version(name, None).await? else {
                return Ok(Vec::new());
            };
            let previous = match self.previous(name, &current).await? {
                Some(id) => self.version(name, Some(id)).await?,
                None => None,
            };
            Ok([Some(current), previous]
                .into_iter()
                .flatten()
                .map(|version| version.value)
                .collect())
        };
        self.limited(both).await
    }

    /// What is known of a secret; `None` where there is no such secret. Its value is not read.
    pub async fn facts(&self, name: &str) -> Result<Option<SecretFacts>, KeyVaultError> {
        let versions = self.limited(self.versions(name)).await?;
        let mut attributes: Vec<_> = versions.into_iter().filter_map(|version| version.attributes).collect();
        attributes.sort_by_key(|attributes| attributes.created);
        let count = attributes.len();
        Ok(attributes.pop().map(|current| SecretFacts {
            versions: count,
            created: current.created,
            expires: current.expires,
            is_enabled: current.enabled != Some(false),
        }))
    }

    /// Gives a secret a new version, the current one from now on; makes the secret where there is none.
    pub async fn put(&self, name: &str, value: &SecretString) -> Result<(), KeyVaultError> {
        let put = async {
            let parameters = SetSecretParameters {
                value: Some(value.expose_secret().to_owned()),
                ..SetSecretParameters::default()
            };
            let content = parameters
                .try_into()
                .map_err(|_| KeyVaultError::Unexpected(format!("no request can be made of {name}")))?;
            let put = self.client().await?.set_secret(name, content, None).await;
            put.map(|_| ()).map_err(|error| failure(name, &error))
        };
        self.limited(put).await
    }

    async fn client(&self) -> Result<&SecretClient, KeyVaultError> {
        self.client
            .get_or_try_init(async || {
                let transport = match &self.options.transport {
                    Some(transport) => transport.clone(),
                    None => crate::transport::shared()?,
                };
                let options = SecretClientOptions {
                    client_options: ClientOptions {
                        transport: Some(transport),
                        retry: RetryOptions::none(),
                        ..ClientOptions::default()
                    },
                    verify_challenge_resource: Some(self.options.verify_challenge_resource),
                    ..SecretClientOptions::default()
                };
                SecretClient::new(self.url.0.as_str(), Arc::clone(&self.credential), Some(options))
            })
            .await
            .map_err(|error| KeyVaultError::Unexpected(innermost(&error)))
    }

    async fn version(&self, name: &str, version: Option<String>) -> Result<Option<Found>, KeyVaultError> {
        let options = SecretClientGetSecretOptions {
            secret_version: version,
            ..SecretClientGetSecretOptions::default()
        };
        let secret = match self.client().await?.get_secret(name, Some(options)).await {
            Ok(response) => response.into_model().map_err(|error| unexpected(name, &error))?,
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => return Ok(None),
            Err(error) => return Err(failure(name, &error)),
        };
        let version = secret.resource_id().ok().and_then(|id| id.version);
        let created = secret.attributes.and_then(|attributes| attributes.created);
        let value = secret.value.map(SecretString::from);
        let value = value.ok_or_else(|| KeyVaultError::Unexpected(format!("{name} without a value")))?;
        Ok(Some(Found {
            value,
            version,
            created,
        }))
    }

    /// Which version was current before this one, where it is still good.
    async fn previous(&self, name: &str, current: &Found) -> Result<Option<String>, KeyVaultError> {
        let versions = self.versions(name).await?;
        let now = OffsetDateTime::now_utc();
        let before = versions.into_iter().filter_map(|properties| {
            let version = properties.resource_id().ok()?.version?;
            let attributes = properties.attributes?;
            let is_before = Some(&version) != current.version.as_ref() && attributes.created <= current.created;
            (is_before).then_some((attributes, version))
        });
        let last = before.max_by_key(|(attributes, _)| attributes.created);
        Ok(last
            .filter(|(attributes, _)| is_good(attributes, now))
            .map(|(_, version)| version))
    }

    /// All versions, in no order; none where there is no such secret.
    async fn versions(&self, name: &str) -> Result<Vec<SecretProperties>, KeyVaultError> {
        let pages = self.client().await?.list_secret_properties_versions(name, None);
        let versions = pages.map_err(|error| failure(name, &error))?;
        match futures_util::StreamExt::take(versions, VERSIONS_MAX)
            .try_collect()
            .await
        {
            Ok(versions) => Ok(versions),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(Vec::new()),
            Err(error) => Err(failure(name, &error)),
        }
    }

    async fn limited<T>(&self, question: impl Future<Output = Result<T, KeyVaultError>>) -> Result<T, KeyVaultError> {
        tokio::time::timeout(self.options.timeout, question)
            .await
            .unwrap_or(Err(KeyVaultError::TimedOut))
    }
}

fn is_good(attributes: &SecretAttributes, now: OffsetDateTime) -> bool {
    attributes.enabled != Some(false) && attributes.expires.is_none_or(|expires| expires > now)
}

/// What a failed request says. Never a body: it is not known what is in it.
fn failure(name: &str, error: &azure_core::Error) -> KeyVaultError {
    match error.kind() {
        ErrorKind::HttpResponse {
            status, raw_response, ..
        } => {
            let response = raw_response.as_deref();
            match *status {
                StatusCode::TooManyRequests | StatusCode::ServiceUnavailable => KeyVaultError::Busy {
                    status: (*status).into(),
                    retry_after: response.and_then(retry_after),
                },
                StatusCode::Unauthorized | StatusCode::Forbidden => KeyVaultError::Denied {
                    name: name.to_owned(),
                    status: (*status).into(),
                    code: response.and_then(error_code).unwrap_or_default(),
                },
                other => KeyVaultError::Unexpected(format!("{} for {name}", u16::from(other))),
            }
        }
        ErrorKind::Credential => KeyVaultError::Credential(brief(&error.to_string())),
        ErrorKind::Connection | ErrorKind::Io => KeyVaultError::Unreachable(innermost(error)),
        _ => KeyVaultError::Unexpected(innermost(error)),
    }
}

/// An answer that cannot be read may be quoted in its error, with the secret in it.
fn unexpected(name: &str, _: &azure_core::Error) -> KeyVaultError {
    KeyVaultError::Unexpected(format!("an answer for {name} that cannot be read"))
}

/// Seconds, as Key Vault writes it.
fn retry_after(response: &RawResponse) -> Option<Duration> {
    let seconds = response.headers().get_optional_str(&RETRY_AFTER)?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The innermost code: `{"error": {"code": "Forbidden", "innererror": {"code": "ForbiddenByRbac"}}}`.
fn error_code(response: &RawResponse) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
    let error = body.get("error")?;
    let inner = error.get("innererror").unwrap_or(error);
    let code = inner.get("code").or_else(|| error.get("code"))?.as_str()?;
    let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

/// The first cause. The errors around it name the vault's address, which is nobody's business who asks `/ready`.
fn innermost(error: &azure_core::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    brief(&cause.to_string())
}

/// As much of a text as an operator reads.
fn brief(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_https_and_nothing_but_a_host() {
        assert!("https://name.vault.azure.net".parse::<VaultUrl>().is_ok());
        assert!("https://name.vault.azure.net/".parse::<VaultUrl>().is_ok());
        for text in [
            "",
            "name.vault.azure.net",
            "http://name.vault.azure.net",
            "https://name.vault.azure.net/secrets/a",
            "https://user:password@name.vault.azure.net",
            "https://name.vault.azure.net?a=b",
        ] {
            assert_eq!(text.parse::<VaultUrl>(), Err(VaultUrlError), "{text}");
        }
    }
}
