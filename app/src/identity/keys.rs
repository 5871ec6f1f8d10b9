//! The keys of the tokens that we give.

use crate::secrets::{ExposeSecret as _, JwtKeys};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// The least size of an RSA modulus (RFC 7518, section 3.3).
const RSA_BYTES_MIN: usize = 256;
/// How much of a hash names a shared key.
const SHARED_KID_CHARS: usize = 16;

/// A key with its one algorithm: no token can choose another for it.
pub(super) struct Key {
    /// Names it in the tokens' headers.
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    /// Its public part; a shared key has none.
    public: Option<Jwk>,
}

impl Key {
    /// A shared secret (HS256), or an RSA (RS256) or P-256 (ES256, PKCS#8) private key in PEM.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with("-----BEGIN ") {
            let hash = hex(&Sha256::digest([b"kid\n", text.as_bytes()].concat()));
            return Ok(Self {
                kid: hash[..SHARED_KID_CHARS].to_owned(),
                algorithm: Algorithm::HS256,
                encoding: EncodingKey::from_secret(text.as_bytes()),
                decoding: DecodingKey::from_secret(text.as_bytes()),
                public: None,
            });
        }
        let (algorithm, encoding) = if let Ok(key) = EncodingKey::from_ec_pem(text.as_bytes()) {
            (Algorithm::ES256, key)
        } else if let Ok(key) = EncodingKey::from_rsa_pem(text.as_bytes()) {
            (Algorithm::RS256, key)
        } else {
            return Err("holds a PEM block that is no private RSA or EC key (EC: in PKCS#8 form)");
        };
        let unusable = "holds a private key that is neither RSA nor on the curve P-256";
        let mut public = Jwk::from_encoding_key(&encoding, algorithm).map_err(|_| unusable)?;
        let decoding = DecodingKey::from_jwk(&public).map_err(|_| unusable)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| unusable)?;
        if let AlgorithmParameters::RSA(rsa) = &public.algorithm
            && rsa.n.len() * 3 / 4 < RSA_BYTES_MIN
        {
            return Err("holds an RSA key of less than 2048 bits");
        }
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            kid,
            algorithm,
            encoding,
            decoding,
            public: Some(public),
        })
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The keys at one time: the first signs, all of them are accepted.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    fn parse(keys: &JwtKeys) -> Result<Self, &'static str> {
        keys.iter()
            .map(|key| Key::parse(key.expose_secret()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn signing(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.kid == kid)
    }

    /// The public keys (RFC 7517): none of a shared secret.
    pub(super) fn public(&self) -> JwkSet {
        JwkSet {
            keys: self.0.iter().filter_map(|key| key.public.clone()).collect(),
        }
    }
}

/// Says what is wrong with keys, and shows nothing of them.
pub(crate) fn check(keys: &JwtKeys) -> Result<(), &'static str> {
    Keys::parse(keys).map(drop)
}

/// The keys as they are now: read once, and again when the secrets have changed.
pub(super) struct KeyRing {
    source: watch::Receiver<JwtKeys>,
    read: RwLock<(JwtKeys, Arc<Keys>)>,
}

impl KeyRing {
    pub(super) fn new(source: watch::Receiver<JwtKeys>) -> Self {
        Self {
            source,
            // Read when first needed.
            read: RwLock::default(),
        }
    }

    pub(super) fn current(&self) -> Arc<Keys> {
        let now = self.source.borrow().clone();
        {
            let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&read.0, &now) {
                return read.1.clone();
            }
        }
        let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&read.0, &now) {
            // Keys that cannot be read change nothing: the former ones go on.
            match Keys::parse(&now) {
                Ok(keys) => read.1 = Arc::new(keys),
                Err(what) => tracing::error!("JWT_KEYS {what}; the keys stay as they were"),
            }
            read.0 = now;
        }
        read.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretString;

    fn keys(texts: &[&str]) -> JwtKeys {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    #[test]
    fn keys_follow_the_secrets_and_bad_ones_change_nothing() {
        let (a, b) = ("a".repeat(32), "b".repeat(32));
        let (sender, receiver) = watch::channel(keys(&[&a]));
        let ring = KeyRing::new(receiver);
        let old = ring.current().signing().unwrap().kid.clone();
        assert!(Arc::ptr_eq(&ring.current(), &ring.current()));
        sender.send_replace(keys(&[&b, &a]));
        let now = ring.current();
        assert_ne!(now.signing().unwrap().kid, old);
        assert!(now.find(&old).is_some(), "the former key is still good");
        sender.send_replace(keys(&[
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ]));
        assert!(Arc::ptr_eq(&now, &ring.current()));
        sender.send_replace(keys(&[&b]));
        assert!(ring.current().find(&old).is_none());
        assert!(ring.current().public().keys.is_empty(), "a shared key is no public key");
    }
}
