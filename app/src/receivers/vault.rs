//! The secrets of a receiver: read and written as one sealed text.

use super::{seal::Seal, signature};
use crate::{App, Error, secrets::ExposeSecret as _};
use inventory_domain::Timestamp;
use inventory_store::receivers::Receiver;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is missing where no secret can be kept.
const WHAT: &str = "a key for the secrets of webhooks and channels (WEBHOOK_MASTER_KEY)";

/// A secret that signs.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct SigningSecret {
    text: String,
    /// Until when it signs beside a newer one; `None`: it is the newest.
    until: Option<i64>,
}

/// All secrets of a receiver. No `Debug`: nothing shows them.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct ReceiverSecrets {
    /// Secrets that sign, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signing: Vec<SigningSecret>,
    /// An address that is a secret by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// What opens an account elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

impl ReceiverSecrets {
    /// Adds a new secret that signs, and gives it; the newest before it signs too until `until`, older ones no more.
    pub(super) fn rotate(&mut self, until: Timestamp) -> Result<String, Error> {
        let text = signature::secret()?;
        self.signing.truncate(1);
        if let Some(former) = self.signing.first_mut() {
            former.until = Some(until.micros());
        }
        let new = SigningSecret {
            text: text.clone(),
            until: None,
        };
        self.signing.insert(0, new);
        Ok(text)
    }

    /// Secrets that sign at `now`.
    pub(super) fn signing(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.signing
            .iter()
            .filter(move |secret| secret.until.is_none_or(|until| now.micros() < until))
            .map(|secret| secret.text.as_str())
    }
}

fn seal(app: &App) -> Result<Seal, Error> {
    let key = app.secrets().webhook_master_key().borrow().clone();
    let key = key.ok_or(Error::NotConfigured(WHAT))?;
    Seal::new(&key).map_err(|error| {
        tracing::error!(%error, "no key can be made of the master key");
        Error::Internal
    })
}

/// The secrets as the database has them.
pub(super) fn close(app: &App, secrets: &ReceiverSecrets, bound_to: Uuid) -> Result<String, Error> {
    let text = serde_json::to_string(secrets).map_err(|_| Error::Internal)?;
    seal(app)?.seal(&text, bound_to).map_err(|_| Error::Internal)
}

/// The secrets of a receiver. The error says why there are none, and shows nothing.
pub(super) fn open(app: &App, receiver: &Receiver) -> Result<ReceiverSecrets, String> {
    let Some(sealed) = &receiver.secrets else {
        return Ok(ReceiverSecrets::default());
    };
    let opened = seal(app)
        .map_err(|error| error.to_string())?
        .open(sealed, receiver.seal)
        .map_err(|error| error.to_string())?;
    serde_json::from_str(opened.expose_secret()).map_err(|_| "the secrets cannot be read".to_owned())
}
