//! Asks the vault at start, again from time to time, and at once when the database refuses what it gave.

use super::{SecretString, SecretValues, Secrets, text, vault};
use crate::pause;
use inventory_azure::KeyVault;
use inventory_store::{AccessError, Store};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The longest first wait after a question that was not answered; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(15);
/// Time between two questions while the database refuses us: shorter than a request waits for a connection.
const REFUSED_GAP: Duration = Duration::from_secs(1);

/// Why there are no secrets, or none that the database takes.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error(transparent)]
    Read(#[from] vault::ReadError),
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl TurnError {
    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Read(vault::ReadError::Vault(error)) => error.retry_after(),
            _ => None,
        }
    }
}

/// Brings secrets from the vault to where they are needed.
#[derive(Debug)]
pub(crate) struct Keeper {
    vault: KeyVault,
    /// What the settings hold.
    given: SecretValues,
    secrets: Secrets,
    store: Store,
    every: Duration,
    /// How the store reaches the database now; `None` where it has not been told yet.
    access: Option<(SecretString, Option<SecretString>)>,
}

impl Keeper {
    pub(crate) fn new(vault: KeyVault, given: SecretValues, secrets: Secrets, store: Store, every: Duration) -> Self {
        let access = given
            .database_url
            .clone()
            .map(|url| (url, given.database_password.clone()));
        Self {
            vault,
            given,
            secrets,
            store,
            every,
            access,
        }
    }

    /// Works until it is stopped.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let inner = std::sync::Arc::clone(&self.secrets.inner);
        let mut wanted = inner.turns.wanted.subscribe();
        let mut refusals = self.store.refusals();
        let mut failures = 0;
        loop {
            let turn = *wanted.borrow_and_update();
            refusals.mark_unchanged();
            let outcome = tokio::select! {
                outcome = self.turn() => outcome,
                () = stop.cancelled() => return,
            };
            let ended = Instant::now();
            let (wait, least) = match &outcome {
                Ok(()) => {
                    failures = 0;
                    (pause::around(self.every), Duration::ZERO)
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "the secrets are not up to date");
                    after(failures, error)
                }
            };
            if let Some(health) = &inner.vault {
                health.note(outcome.err().map(|error| error.to_string()));
            }
            inner.turns.answered.send_replace(turn);
            // Something happened: the next question comes soon, but not before the vault wants to hear of us.
            let soon = tokio::select! {
                () = tokio::time::sleep(wait) => continue,
                _ = wanted.changed() => Duration::ZERO,
                _ = refusals.changed() => REFUSED_GAP,
                () = stop.cancelled() => return,
            };
            let rest = soon.max(least).saturating_sub(ended.elapsed());
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Reads the secrets once, for a tool that ends soon. The error is for operators and holds no secrets.
    pub(crate) async fn read_once(mut self) -> Result<(), String> {
        self.turn().await.map_err(|error| error.to_string())
    }

    /// Reads the secrets and hands them out.
    async fn turn(&mut self) -> Result<(), TurnError> {
        let values = vault::read(&self.vault, &self.given).await?;
        self.secrets.publish(&values);
        let Some(url) = values.database_url else {
            let (name, what) = ("database-url", "is missing, and so is the setting DATABASE_URL");
            return Err(vault::ReadError::Wrong { name, what }.into());
        };
        let access = (url, values.database_password);
        let is_known = self.access.as_ref().is_some_and(|(url, password)| {
            text(Some(url)) == text(Some(&access.0)) && text(password.as_ref()) == text(access.1.as_ref())
        });
        if !is_known {
            self.store.change_access(&access.0, access.1.as_ref()).await?;
            if self.access.replace(access).is_some() {
                tracing::info!("the database is reached with another password from now on");
            }
        }
        Ok(())
    }
}

/// How long to wait after so many failures, and how long whatever happens: as long as the vault asked for.
fn after(failures: u32, error: &TurnError) -> (Duration, Duration) {
    let least = error.retry_after().unwrap_or_default();
    (pause::after(failures, RETRY, RETRY_MAX).max(least), least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_azure::KeyVaultError;

    #[test]
    fn a_vault_that_wants_to_be_left_alone_is() {
        let busy = |retry_after| {
            let error = KeyVaultError::Busy {
                status: 429,
                retry_after,
            };
            TurnError::Read(error.into())
        };
        let minute = Duration::from_mins(1);
        assert_eq!(after(1, &busy(Some(minute))), (minute, minute));
        let (wait, least) = after(1, &busy(None));
        assert!(wait <= RETRY && least == Duration::ZERO, "{wait:?}");
        let (wait, _) = after(100, &TurnError::Access(AccessError::Refused));
        assert!(wait <= RETRY_MAX && wait >= RETRY_MAX / 2, "{wait:?}");
    }
}
