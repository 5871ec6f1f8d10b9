//! Secrets that we make, and hashes of secrets.

use super::keys::hex;
use crate::Error;
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version, password_hash::phc::PasswordHash,
};
use inventory_domain::account::Secret;
use inventory_store::accounts::StoredSecret;
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Parameters of argon2id: OWASP's first recommendation, 19 MiB and two passes.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The hash that a name nobody has is held against, so that it takes as long as any other. No secret has it.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Hashes made at once: each takes a core and its memory.
const AT_ONCE: usize = 2;
/// Who comes when so many wait already is told to come again.
const WAITING_MAX: usize = 32;
/// How long one waits at most.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Bytes of chance in a secret of ours.
const RANDOM_BYTES: usize = 32;
const CLIENT_SECRET: &str = "ics";
const API_KEY: &str = "inv";

/// Makes and checks hashes, few at once and off the threads that serve requests.
pub(super) struct Hashing {
    permits: Arc<Semaphore>,
    waiting: Semaphore,
}

/// The right to make hashes.
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
}

fn argon2() -> Argon2<'static> {
    // The numbers are within argon2's bounds; were they not, the defaults are the same.
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }

    /// Waits for the right to make hashes.
    pub(super) async fn slot(&self) -> Result<Slot, Error> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Error::Unavailable)?;
        let permit = tokio::time::timeout(WAIT_MAX, self.permits.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Error::Unavailable)?;
        Ok(Slot { _permit: permit })
    }

    /// The hash of a secret, in PHC form.
    pub(super) async fn hash(&self, secret: &Secret) -> Result<String, Error> {
        let _slot = self.slot().await?;
        let secret = secret.clone();
        let hash = tokio::task::spawn_blocking(move || {
            let hash: Result<PasswordHash, _> = argon2().hash_password(secret.expose().as_bytes());
            hash.map(|hash| hash.to_string())
        });
        hash.await.ok().and_then(Result::ok).ok_or(Error::Internal)
    }
}

impl Slot {
    /// Whether `secret` has this hash. Without a hash it has none, and that takes as long.
    pub(super) async fn verify(&self, secret: &Secret, hash: Option<String>) -> Result<bool, Error> {
        let secret = secret.clone();
        let good = tokio::task::spawn_blocking(move || {
            let is_real = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODYS);
            let good = PasswordHash::new(hash).map(|hash| {
                let good = argon2().verify_password(secret.expose().as_bytes(), &hash);
                good.is_ok()
            });
            good.map(|good| good && is_real)
        });
        good.await.map_err(|_| Error::Internal)?.map_err(|error| {
            tracing::error!(%error, "a stored hash cannot be read");
            Error::Internal
        })
    }
}

/// A name and secret bytes, both of chance.
fn random(name_bytes: usize) -> Result<(String, String), Error> {
    let mut bytes = vec![0; name_bytes + RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Error::Internal
    })?;
    Ok((hex(&bytes[..name_bytes]), hex(&bytes[name_bytes..])))
}

/// A new client secret (`ics_HINT_SECRET`) with the hint by which it is found.
pub(super) fn client_secret() -> Result<(String, Secret), Error> {
    let (hint, secret) = random(4)?;
    let secret = format!("{CLIENT_SECRET}_{hint}_{secret}");
    Ok((hint, secret.into()))
}

/// A new password.
pub(super) fn password() -> Result<Secret, Error> {
    random(0).map(|(_, secret)| secret.into())
}

/// The hint in a client's secret; a text that is no such secret has one that none has.
pub(super) fn hint(secret: &Secret) -> &str {
    let mut parts = secret.expose().splitn(3, '_');
    match (parts.next(), parts.next()) {
        (Some(CLIENT_SECRET), Some(hint)) => hint,
        _ => "-",
    }
}

/// A secret with its hash.
pub(super) async fn stored(hashing: &Hashing, hint: String, secret: &Secret) -> Result<StoredSecret, Error> {
    Ok(StoredSecret {
        hint,
        hash: hashing.hash(secret).await?,
    })
}

/// A new API key (`inv_PREFIX_SECRET`) with its prefix.
pub(super) fn api_key() -> Result<(String, Secret), Error> {
    let (prefix, secret) = random(6)?;
    let prefix = format!("{API_KEY}_{prefix}");
    let key = format!("{prefix}_{secret}");
    Ok((prefix, key.into()))
}

/// The prefix of a text that may be an API key.
pub(super) fn prefix(key: &str) -> Option<&str> {
    const PREFIX_CHARS: usize = API_KEY.len() + 1 + 12;
    const KEY_CHARS: usize = PREFIX_CHARS + 1 + 2 * RANDOM_BYTES;
    let is_one =
        key.len() == KEY_CHARS && key.is_ascii() && key.starts_with("inv_") && key.as_bytes()[PREFIX_CHARS] == b'_';
    is_one.then(|| &key[..PREFIX_CHARS])
}

/// How a key of full chance is kept.
pub(super) fn digest(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

/// Whether two texts are the same, in a time that does not say where they differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |found, (a, b)| found | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_are_argon2id_and_only_the_secret_fits() {
        let hashing = Hashing::new();
        let (found, secret) = client_secret().unwrap();
        assert_eq!(hint(&secret), found);
        let hash = hashing.hash(&secret).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let slot = hashing.slot().await.unwrap();
        assert!(slot.verify(&secret, Some(hash.clone())).await.unwrap());
        let other = "something else".to_owned().into();
        assert!(!slot.verify(&other, Some(hash)).await.unwrap());
        assert!(!slot.verify(&other, None).await.unwrap());
        assert!(slot.verify(&other, Some("no hash".to_owned())).await.is_err());
        assert_eq!(hint(&other), "-");
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_sent_away() {
        let hashing = Arc::new(Hashing::new());
        let taken = (hashing.slot().await.unwrap(), hashing.slot().await.unwrap());
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let hashing = hashing.clone();
                tokio::spawn(async move { hashing.slot().await.map(drop) })
            })
            .collect();
        while hashing.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hashing.slot().await, Err(Error::Unavailable)));
        drop(taken);
        for one in waiting {
            assert!(one.await.unwrap().is_ok());
        }
    }

    #[test]
    fn keys_are_known_by_their_prefix() {
        let (found, key) = api_key().unwrap();
        assert_eq!(prefix(key.expose()), Some(found.as_str()));
        assert_ne!(api_key().unwrap().1.expose(), key.expose());
        for text in [
            "",
            "inv_",
            &"x".repeat(81),
            &"ü".repeat(40),
            &format!("{}0", key.expose()),
        ] {
            assert_eq!(prefix(text), None, "{text}");
        }
        assert!(same("ab", "ab") && !same("ab", "ac") && !same("ab", "abc"));
    }
}
