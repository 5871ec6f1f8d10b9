//! Secrets, and how they change while the program runs.
//!
//! Whoever needs a secret takes a receiver and reads it when it is needed, or waits for [`watch::Receiver::changed`].
//! [`SecretString`] shows its text to [`ExposeSecret::expose_secret`] only, never to `Debug`, and is wiped when dropped.
//! Without a Key Vault the values are those of the settings; with one, a keeper brings them from there again and again.

mod keeper;
mod operator;
mod vault;

pub use inventory_azure::KeyVaultError as VaultError;
pub(crate) use keeper::Keeper;
pub use operator::{Secret, State, Vault};
pub use secrecy::{ExposeSecret, SecretString};

use crate::health::Health;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The least length of a shared key: HS256 wants one as long as its hash (RFC 7518, section 3.2).
const JWT_KEY_BYTES_MIN: usize = 32;
/// Time between two requests of [`Secrets::refresh`] that reach the vault: whoever sends us nonsense makes us ask no
/// more often than this.
const REFRESH_GAP: Duration = Duration::from_secs(10);
/// How long [`Secrets::refresh`] waits at most.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);

/// The least length of a secret under which we are sent messages.
const SHARED_SECRET_BYTES_MIN: usize = 16;

/// Keys of the tokens we give: the first signs, all of them are accepted.
pub type JwtKeys = Arc<[SecretString]>;
/// Secrets that are all good at a time: the one before is accepted while it is replaced.
pub type SharedSecrets = Arc<[SecretString]>;

/// All secrets at one time.
#[derive(Clone, Debug, Default)]
pub struct SecretValues {
    /// Where the database is, perhaps with the user's password.
    pub database_url: Option<SecretString>,
    /// The database user's password; wins over one in the URL.
    pub database_password: Option<SecretString>,
    /// Shared secrets or private keys in PEM.
    pub jwt_keys: JwtKeys,
    /// Key of the webhooks' secrets.
    pub webhook_master_key: Option<SecretString>,
    /// Secrets under which messages about payments are signed.
    pub payment_webhook_secrets: SharedSecrets,
    /// Where Redis is, with its password.
    pub redis_url: Option<SecretString>,
}

#[derive(Debug)]
struct Inner {
    jwt_keys: watch::Sender<JwtKeys>,
    payment_webhook_secrets: watch::Sender<SharedSecrets>,
    webhook_master_key: watch::Sender<Option<SecretString>>,
    redis_url: watch::Sender<Option<SecretString>>,
    /// How it stands with the vault; `None` without one.
    vault: Option<Health>,
    turns: Turns,
}

/// Questions to the vault: how many were wanted, and up to which one they were answered.
#[derive(Debug)]
struct Turns {
    wanted: watch::Sender<u64>,
    answered: watch::Sender<u64>,
    /// When the last was wanted.
    last: Mutex<Option<Instant>>,
}

/// The secrets of the running program; clones are the same ones.
#[derive(Clone, Debug)]
pub struct Secrets {
    inner: Arc<Inner>,
}

impl Secrets {
    pub(crate) fn new(values: SecretValues, has_vault: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                jwt_keys: watch::Sender::new(values.jwt_keys),
                webhook_master_key: watch::Sender::new(values.webhook_master_key),
                payment_webhook_secrets: watch::Sender::new(values.payment_webhook_secrets),
                redis_url: watch::Sender::new(values.redis_url),
                vault: has_vault.then(|| Health::new("the secrets have not been read yet")),
                turns: Turns {
                    wanted: watch::Sender::new(0),
                    answered: watch::Sender::new(0),
                    last: Mutex::default(),
                },
            }),
        }
    }

    /// Keys of the tokens we give; empty where none are set.
    pub fn jwt_keys(&self) -> watch::Receiver<JwtKeys> {
        self.inner.jwt_keys.subscribe()
    }

    /// Key of the webhooks' secrets.
    pub fn webhook_master_key(&self) -> watch::Receiver<Option<SecretString>> {
        self.inner.webhook_master_key.subscribe()
    }

    /// Secrets under which messages about payments are signed; empty where none are set.
    pub fn payment_webhook_secrets(&self) -> watch::Receiver<SharedSecrets> {
        self.inner.payment_webhook_secrets.subscribe()
    }

    /// Where Redis is, with its password: `redis://` or `rediss://`.
    pub fn redis_url(&self) -> watch::Receiver<Option<SecretString>> {
        self.inner.redis_url.subscribe()
    }

    /// Asks the Key Vault once more, because a secret was refused or an unknown key signed something: another instance
    /// may have seen a change already. Returns when that is done, after 5 s at most. Calls that come close together are
    /// one question, and there is at most one in 10 s; without a Key Vault it does nothing.
    pub async fn refresh(&self) {
        let Inner { vault, turns, .. } = &*self.inner;
        if vault.is_none() {
            return;
        }
        let wanted = {
            let mut last = turns.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_none_or(|last| last.elapsed() >= REFRESH_GAP) {
                *last = Some(Instant::now());
                turns.wanted.send_modify(|wanted| *wanted += 1);
            }
            *turns.wanted.borrow()
        };
        let mut answered = turns.answered.subscribe();
        let answer = answered.wait_for(|answered| *answered >= wanted);
        // The sender lives as long as `self`; who does not get an answer goes on with what there is.
        let _ = tokio::time::timeout(REFRESH_TIMEOUT, answer).await;
    }

    /// How it stands with the vault; `None` without one.
    pub(crate) fn vault(&self) -> Option<&Health> {
        self.inner.vault.as_ref()
    }

    /// Takes over what changed, and wakes who waits for it.
    fn publish(&self, values: &SecretValues) {
        let inner = &*self.inner;
        for (sender, values) in [
            (&inner.jwt_keys, &values.jwt_keys),
            (&inner.payment_webhook_secrets, &values.payment_webhook_secrets),
        ] {
            sender.send_if_modified(|old| {
                let is_other = !texts(old).eq(texts(values));
                if is_other {
                    old.clone_from(values);
                }
                is_other
            });
        }
        for (sender, value) in [
            (&inner.webhook_master_key, &values.webhook_master_key),
            (&inner.redis_url, &values.redis_url),
        ] {
            sender.send_if_modified(|old| {
                let is_other = text(old.as_ref()) != text(value.as_ref());
                if is_other {
                    old.clone_from(value);
                }
                is_other
            });
        }
    }
}

fn text(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

fn texts(keys: &JwtKeys) -> impl Iterator<Item = &str> {
    keys.iter().map(ExposeSecret::expose_secret)
}

/// Reads the text of `JWT_KEYS`. The error says what is wrong and shows nothing.
pub(crate) fn jwt_keys(text: &str) -> Result<JwtKeys, &'static str> {
    // Settings are often one line.
    let text = text.replace("\\n", "\n");
    let keys: JwtKeys = if text.contains("-----BEGIN ") {
        let (before, blocks) = text.split_once("-----BEGIN ").unwrap_or_default();
        if !before.trim().is_empty() {
            return Err("mixes PEM with something else");
        }
        blocks
            .split("-----BEGIN ")
            .map(|block| SecretString::from(format!("-----BEGIN {}\n", block.trim())))
            .collect()
    } else {
        text.split_whitespace().map(SecretString::from).collect()
    };
    if keys.iter().any(|key| key.expose_secret().len() < JWT_KEY_BYTES_MIN) {
        return Err("holds a key of less than 32 bytes");
    }
    Ok(keys)
}

/// Reads the text of `PAYMENT_WEBHOOK_SECRETS`. The error says what is wrong and shows nothing.
pub(crate) fn shared_secrets(text: &str) -> Result<SharedSecrets, &'static str> {
    let secrets: SharedSecrets = text.split_whitespace().map(SecretString::from).collect();
    if secrets
        .iter()
        .any(|secret| secret.expose_secret().len() < SHARED_SECRET_BYTES_MIN)
    {
        return Err("holds a secret of less than 16 bytes");
    }
    Ok(secrets)
}

/// Reads the text of `REDIS_URL`. The error says what is wrong and shows nothing.
pub(crate) fn redis_url(text: &str) -> Result<SecretString, &'static str> {
    if text.starts_with("redis://") || text.starts_with("rediss://") {
        Ok(text.into())
    } else {
        Err("must start with redis:// or rediss://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(keys: &JwtKeys) -> Vec<&str> {
        keys.iter().map(ExposeSecret::expose_secret).collect()
    }

    #[test]
    fn keys_are_words_or_pem_blocks() {
        let (a, b) = ("a".repeat(32), "b".repeat(40));
        assert_eq!(texts(&jwt_keys(&format!(" {a}\n{b} ")).unwrap()), [&a, &b]);
        let pem = |name: &str| format!("-----BEGIN {name}-----\nAAAA\n-----END {name}-----\n");
        let (one, two) = (pem("PRIVATE KEY"), pem("EC PRIVATE KEY"));
        assert_eq!(texts(&jwt_keys(&format!("{one}{two}")).unwrap()), [&one, &two]);
        let line = format!("{one}{two}").replace('\n', "\\n");
        assert_eq!(texts(&jwt_keys(&line).unwrap()), [&one, &two]);
        assert_eq!(jwt_keys("").unwrap().len(), 0);
        assert!(jwt_keys(&format!("{a} short")).is_err());
        assert!(jwt_keys(&format!("{a} {one}")).is_err());
    }

    #[test]
    fn nothing_shows_a_secret() {
        let values = SecretValues {
            database_url: Some("postgres://user:hunter2@host/database".into()),
            database_password: Some("hunter2".into()),
            jwt_keys: jwt_keys(&"hunter2".repeat(5)).unwrap(),
            webhook_master_key: Some("hunter2".into()),
            payment_webhook_secrets: shared_secrets(&"hunter2".repeat(5)).unwrap(),
            redis_url: Some(redis_url("redis://:hunter2@host").unwrap()),
        };
        let shown = format!("{values:?} {:?}", Secrets::new(values.clone(), true));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
