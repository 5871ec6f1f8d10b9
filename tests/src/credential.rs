//! A credential that needs nobody.

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    time::OffsetDateTime,
};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Gives the token that it was told last, or an error while it has none.
#[derive(Debug, Default)]
pub struct TestCredential {
    token: Mutex<Option<(String, Duration)>>,
    scopes: Mutex<Vec<String>>,
}

impl TestCredential {
    /// One that has a token for an hour.
    pub fn with(token: &str) -> Self {
        let credential = Self::default();
        credential.set(token, Duration::from_hours(1));
        credential
    }

    /// Another token, good for so long.
    pub fn set(&self, token: &str, good: Duration) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.to_owned(), good));
    }

    /// What tokens were asked for.
    pub fn scopes(&self) -> Vec<String> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait::async_trait]
impl TokenCredential for TestCredential {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let mut asked = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        asked.extend(scopes.iter().map(|scope| (*scope).to_owned()));
        match &*self.token.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((token, good)) => Ok(AccessToken::new(token.clone(), OffsetDateTime::now_utc() + *good)),
            None => Err(azure_core::Error::with_message(
                ErrorKind::Credential,
                "nobody is logged in",
            )),
        }
    }
}
