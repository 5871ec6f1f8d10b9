//! Tokens of Microsoft Entra ID, or of any issuer that publishes its keys (OpenID Connect Discovery).

use super::{
    Denied,
    token::{Head, Parties, check_times, refused, validation},
};
use crate::{metrics::CacheMetrics, settings::EntraSettings};
use inventory_domain::{Role, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey, decode,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

/// How long the issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Keys are fetched no sooner again than this, however many tokens name unknown ones.
const FETCH_AGAIN: Duration = Duration::from_secs(30);
/// Older keys are fetched again in the background; they go on until that has succeeded.
const FRESH: Duration = Duration::from_hours(1);
/// Keys that could not be fetched again for so long are no longer trusted.
const STALE: Duration = Duration::from_hours(24);

/// What a token of the issuer says that concerns us.
#[derive(Debug, Deserialize)]
struct Claims {
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(rename = "aud")]
    _aud: String,
    sub: String,
    /// The same for every application, where `sub` is not.
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    exp: i64,
    #[serde(default)]
    nbf: i64,
    iat: i64,
}

/// A token that was read: who bears it, its role and times.
#[derive(Clone, Debug)]
pub(super) struct EntraToken {
    pub(super) actor: Arc<str>,
    pub(super) role: Role,
    expires: i64,
    not_before: i64,
    issued: i64,
}

impl EntraToken {
    pub(super) fn check_times(&self, now: Timestamp) -> Result<(), Denied> {
        check_times(self.issued, self.not_before, self.expires, now)
    }
}

type Keys = HashMap<String, (Algorithm, DecodingKey)>;

#[derive(Clone)]
struct Fetched {
    keys: Arc<Keys>,
    at: Instant,
}

/// The issuer and its keys.
pub(super) struct Entra {
    settings: EntraSettings,
    client: OnceCell<reqwest::Client>,
    fetched: RwLock<Option<Fetched>>,
    /// When keys were last asked for; held while they are.
    asked: Mutex<Option<Instant>>,
    metrics: CacheMetrics,
}

impl Entra {
    pub(super) fn new(settings: EntraSettings, metrics: CacheMetrics) -> Self {
        Self {
            settings,
            client: OnceCell::new(),
            fetched: RwLock::new(None),
            asked: Mutex::new(None),
            metrics,
        }
    }

    fn fetched(&self) -> Option<Fetched> {
        self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a token, without regard to its times.
    pub(super) async fn read(self: &Arc<Self>, head: &Head, token: &str) -> Result<EntraToken, Denied> {
        let keys = self.keys_with(&head.kid).await?;
        let (algorithm, key) = keys
            .get(&head.kid)
            .ok_or(Denied::Invalid("the token's key is not known"))?;
        if head.alg != *algorithm {
            return Err(Denied::Invalid("the token's algorithm is not its key's"));
        }
        let parties = Parties {
            issuer: &self.settings.issuer,
            audience: &self.settings.audience,
        };
        let claims = decode::<Claims>(token, key, &validation(*algorithm, parties))
            .map_err(|error| refused(&error))?
            .claims;
        let name = claims.oid.filter(|oid| !oid.is_empty()).unwrap_or(claims.sub);
        if name.is_empty() {
            return Err(Denied::Invalid("the token lacks a claim"));
        }
        let roles = claims.roles.iter().filter_map(|role| self.settings.role(role));
        Ok(EntraToken {
            actor: format!("entra:{name}").into(),
            role: roles.max().unwrap_or(Role::Public),
            expires: claims.exp,
            not_before: claims.nbf,
            issued: claims.iat,
        })
    }

    /// The keys, with this one among them where the issuer has it.
    async fn keys_with(self: &Arc<Self>, kid: &str) -> Result<Arc<Keys>, Denied> {
        if let Some(fetched) = self.fetched() {
            let age = fetched.at.elapsed();
            if fetched.keys.contains_key(kid) && age < STALE {
                if age > FRESH {
                    // Nobody waits for this; one at a time does it.
                    let this = self.clone();
                    tokio::spawn(async move {
                        if let Ok(asked) = this.asked.try_lock() {
                            this.fetch(asked).await;
                        }
                    });
                }
                self.metrics.looked_up(true);
                return Ok(fetched.keys);
            }
        }
        self.metrics.looked_up(false);
        let asked = self.asked.lock().await;
        // Somebody may have fetched them while we waited.
        let is_known = self
            .fetched()
            .is_some_and(|fetched| fetched.keys.contains_key(kid) && fetched.at.elapsed() < STALE);
        if !is_known {
            self.fetch(asked).await;
        }
        match self.fetched() {
            Some(fetched) if fetched.at.elapsed() < STALE => Ok(fetched.keys),
            _ => Err(Denied::Unavailable),
        }
    }

    /// Fetches the keys, unless that was tried a moment ago.
    async fn fetch(&self, mut asked: tokio::sync::MutexGuard<'_, Option<Instant>>) {
        if asked.is_some_and(|at| at.elapsed() < FETCH_AGAIN) {
            return;
        }
        *asked = Some(Instant::now());
        match self.download().await {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "keys of the token issuer");
                let fetched = Fetched {
                    keys: Arc::new(keys),
                    at: Instant::now(),
                };
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
            }
            Err(error) => tracing::warn!(error, "the token issuer's keys cannot be fetched"),
        }
    }

    async fn download(&self) -> Result<Keys, String> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<serde_json::Value>,
        }
        let url = if let Some(url) = &self.settings.jwks_url {
            url.clone()
        } else {
            let issuer = self.settings.issuer.trim_end_matches('/');
            let discovery: Discovery = self.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
            if discovery.issuer != self.settings.issuer {
                return Err("the issuer's configuration names another issuer".to_owned());
            }
            if !crate::settings::is_safe_url(&discovery.jwks_uri) {
                return Err("the issuer's configuration names keys without TLS".to_owned());
            }
            discovery.jwks_uri
        };
        let set: KeySet = self.get(&url).await?;
        // What we do not understand is somebody else's key.
        let keys: Keys = set.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err("the issuer has no key that can be used".to_owned());
        }
        Ok(keys)
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let client = self.client.get_or_try_init(|| async {
            reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|error| error.to_string())
        });
        let answer = client.await?.get(url).send().await.map_err(|error| error.to_string())?;
        let mut answer = answer.error_for_status().map_err(|error| error.to_string())?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the answer is too long".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }
}

/// A key for signatures, with the one algorithm it is used with.
fn usable(value: serde_json::Value) -> Option<(String, (Algorithm, DecodingKey))> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|used| *used != PublicKeyUse::Signature)
    {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|algorithm| algorithm != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, (algorithm, key)))
}
