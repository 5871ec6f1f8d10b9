//! PostgreSQL without a password: Entra tokens in its place.

use crate::{health::Health, pause};
use inventory_azure::TokenCredential;
use inventory_store::Store;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_util::sync::CancellationToken;

/// What Azure's databases want a token for.
/// <https://learn.microsoft.com/azure/postgresql/flexible-server/how-to-connect-with-managed-identity>
const SCOPE: &str = "https://ossrdbms-aad.database.windows.net/.default";
/// So long before a token expires comes the next one. Credentials keep a token until five minutes before.
const MARGIN: Duration = Duration::from_mins(4);
/// The longest first wait after there was no token; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Time between two tokens at least, whatever they say of their end and whatever the database says of them.
const GAP: Duration = Duration::from_secs(1);

/// Gets one token and hands it to the store. How long it is good, margin deducted; the error is for operators.
pub(crate) async fn bring(credential: &dyn TokenCredential, store: &Store) -> Result<Duration, String> {
    let token = credential.get_token(&[SCOPE], None).await;
    let token = token.map_err(|error| format!("no token for the database: {error}"))?;
    store.set_password(&token.token.secret().into());
    let expires: SystemTime = token.expires_on.into();
    let good = expires.duration_since(SystemTime::now()).unwrap_or_default();
    Ok(good.saturating_sub(MARGIN).max(GAP))
}

/// Brings tokens until it is stopped.
pub(crate) async fn keep(
    credential: Arc<dyn TokenCredential>,
    store: Store,
    health: Arc<Health>,
    stop: CancellationToken,
) {
    let mut refusals = store.refusals();
    let mut failures = 0;
    loop {
        refusals.mark_unchanged();
        let outcome = tokio::select! {
            outcome = bring(&*credential, &store) => outcome,
            () = stop.cancelled() => return,
        };
        let wait = match &outcome {
            Ok(good) => {
                failures = 0;
                *good
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, "the database cannot be reached with a new token");
                pause::after(failures, RETRY, RETRY_MAX)
            }
        };
        health.note(outcome.err());
        let refused = async {
            tokio::time::sleep(GAP).await;
            // The sender lives as long as the store.
            let _ = refusals.changed().await;
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = refused => {}
            () = stop.cancelled() => return,
        }
    }
}
