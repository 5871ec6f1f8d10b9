//! Secrets of receivers, sealed: AES-256-GCM under a key that is derived from the master key, bound to the receiver.

use crate::secrets::{ExposeSecret as _, SecretString};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, Salt},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use uuid::Uuid;

/// What the derived key is for, and in which form things are sealed.
const PURPOSE: &[u8] = b"inventory receivers 1";

/// Why something is not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secrets cannot be read with the present master key: give it new ones")]
pub(crate) struct SealError;

/// What seals and opens.
pub(crate) struct Seal(RandomizedNonceKey);

impl Seal {
    pub(crate) fn new(master: &SecretString) -> Result<Self, SealError> {
        let derived = Salt::new(HKDF_SHA256, &[]).extract(master.expose_secret().as_bytes());
        let mut key = [0; 32];
        derived
            .expand(&[PURPOSE], HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|_| SealError)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key)
            .map(Self)
            .map_err(|_| SealError)
    }

    /// Text for the database, which only the same key and `bound_to` open.
    pub(crate) fn seal(&self, text: &str, bound_to: Uuid) -> Result<String, SealError> {
        let mut sealed = text.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(bound_to.as_bytes()), &mut sealed)
            .map_err(|_| SealError)?;
        let mut all = nonce.as_ref().to_vec();
        all.extend_from_slice(&sealed);
        Ok(BASE64.encode(all))
    }

    /// What was sealed.
    pub(crate) fn open(&self, sealed: &str, bound_to: Uuid) -> Result<SecretString, SealError> {
        let mut all = BASE64.decode(sealed).map_err(|_| SealError)?;
        let (nonce, sealed) = all.split_at_mut_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(bound_to.as_bytes()), sealed)
            .map_err(|_| SealError)?;
        let text = std::str::from_utf8(opened).map_err(|_| SealError)?;
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_for_the_same_receiver_only() {
        let seal = Seal::new(&"a master key".into()).unwrap();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = seal.seal("whsec_secret", one).unwrap();
        assert!(!sealed.contains("secret"));
        assert_ne!(
            seal.seal("whsec_secret", one).unwrap(),
            sealed,
            "a nonce of its own each time"
        );
        assert_eq!(seal.open(&sealed, one).unwrap().expose_secret(), "whsec_secret");
        assert_eq!(seal.open(&sealed, two).unwrap_err(), SealError);
        let other = Seal::new(&"another master key".into()).unwrap();
        assert_eq!(other.open(&sealed, one).unwrap_err(), SealError);
        for broken in [
            "",
            "AAAA",
            "not base64",
            &sealed[..sealed.len() - 4],
            &BASE64.encode([0; 40]),
        ] {
            assert_eq!(seal.open(broken, one).unwrap_err(), SealError, "{broken}");
        }
    }
}
