//! Tokens: what a service is shown to let messages in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{Secret, TokenCredential};
use time::OffsetDateTime;

use super::client::ServiceBusOptions;
use super::error::SendError;
use super::namespace::Access;
use super::sas;

/// What tokens of Entra ID are asked for.
const SCOPE: &str = "https://servicebus.azure.net/.default";

/// A token and what the service has to know about it.
pub(super) struct Token {
    pub(super) value: Secret,
    pub(super) kind: TokenKind,
    /// How long it is still good for.
    pub(super) lifetime: Duration,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A shared access signature.
    Signature,
    /// A token of Entra ID.
    Jwt,
}

impl TokenKind {
    /// As claims-based security calls it.
    pub(super) const fn as_cbs(self) -> &'static str {
        match self {
            Self::Signature => "servicebus.windows.net:sastoken",
            Self::Jwt => "jwt",
        }
    }
}

/// Where tokens come from.
#[derive(Clone)]
pub(super) enum Tokens {
    Key {
        name: String,
        key: Secret,
        lifetime: Duration,
    },
    Identity(Arc<dyn TokenCredential>),
}

impl Tokens {
    /// `None` where no tokens are needed.
    pub(super) fn new(access: &Access, options: &ServiceBusOptions) -> Option<Self> {
        match access {
            Access::Emulator | Access::Password { .. } => None,
            Access::SharedKey { name, key } => Some(Self::Key {
                name: name.clone(),
                key: key.clone(),
                lifetime: options.signature_lifetime,
            }),
            Access::Identity { client_id } => Some(Self::Identity(match &options.credential {
                Some(credential) => Arc::clone(credential),
                None => crate::credential(client_id.as_deref()),
            })),
        }
    }

    /// A token for a resource (`sb://HOST/ENTITY`).
    pub(super) async fn token(&self, resource: &str) -> Result<Token, SendError> {
        match self {
            Self::Key { name, key, lifetime } => {
                // Its end is written in whole seconds; it must not be before that.
                let end = OffsetDateTime::now_utc() + *lifetime + Duration::from_secs(1);
                let value = sas::sign(resource, name, key, end)
                    .ok_or_else(|| SendError::Configuration("the shared access key cannot sign".to_owned()))?;
                Ok(Token {
                    value,
                    kind: TokenKind::Signature,
                    lifetime: *lifetime,
                })
            }
            Self::Identity(credential) => {
                let token = credential
                    .get_token(&[SCOPE], None)
                    .await
                    .map_err(|error| SendError::NotConnected(format!("no token from Entra ID: {error}")))?;
                let lifetime = token.expires_on - OffsetDateTime::now_utc();
                Ok(Token {
                    value: token.token,
                    kind: TokenKind::Jwt,
                    lifetime: Duration::try_from(lifetime)
                        .map_err(|_| SendError::NotConnected("the token from Entra ID has expired".to_owned()))?,
                })
            }
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Key { .. } => "Tokens::Key",
            Self::Identity(_) => "Tokens::Identity",
        })
    }
}
