//! From credentials to who bears them.

use super::{
    Identity,
    entra::{Entra, EntraToken},
    keys::{KeyRing, Keys},
    secrets::{self, Hashing},
    sign_in::is_revoked,
    token::{self, Claims, Parties},
};
use crate::{
    App, Error, clock,
    metrics::Caches,
    secrets::{ExposeSecret as _, Secrets},
    settings,
};
use inventory_domain::{Role, Timestamp};
use inventory_store::{accounts::TokenState, api_keys::StoredKey};
use jsonwebtoken::{Algorithm, jwk::JwkSet};
use moka::future::Cache;
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};

/// Accounts and API keys whose state is kept for a moment; unknown ones are kept too, so that they cost no more.
const STATES_MAX: u64 = 10_000;
/// Tokens that are kept with what they say: their signatures take longer to check than a request takes to serve.
const TOKENS_MAX: u64 = 10_000;
/// A key's last use is noted no more often than this.
const LAST_USED_SECONDS: i64 = 600;

/// What a request brings to say who asks.
#[derive(Clone, Copy, Debug)]
pub enum Credentials<'a> {
    /// Nothing.
    None,
    /// A token.
    Bearer(&'a str),
    /// An API key.
    ApiKey(&'a str),
}

/// Why credentials are no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There are none.
    Missing,
    /// They are wrong; the reason is for their bearer and says nothing secret.
    Invalid(&'static str),
    /// It cannot be found out just now.
    Unavailable,
}

impl From<&Error> for Denied {
    fn from(_: &Error) -> Self {
        Self::Unavailable
    }
}

/// A token that was read and whose signature is good.
#[derive(Clone)]
enum Read {
    Own(Arc<Claims>),
    Entra(Arc<EntraToken>),
}

/// Tells who bears credentials.
pub struct Authenticator {
    is_open: bool,
    issuer: String,
    audience: String,
    secrets: Secrets,
    keys: KeyRing,
    entra: Option<Arc<Entra>>,
    hashing: Hashing,
    cache_time: Duration,
    states: Cache<i64, Option<Arc<TokenState>>>,
    api_keys: Cache<String, Option<Arc<StoredKey>>>,
    tokens: Cache<[u8; 32], Read>,
    /// Digest of what a scraper of metrics shows.
    metrics_token: Option<String>,
    metrics: Caches,
}

impl Authenticator {
    pub(crate) fn new(settings: &settings::Identity, secrets: &Secrets, metrics: &Caches) -> Self {
        fn cache<K, V>(time: Duration, entries_max: u64) -> Cache<K, V>
        where
            K: std::hash::Hash + Eq + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            Cache::builder().max_capacity(entries_max).time_to_live(time).build()
        }
        // Its times are held against the clock at each use; this only bounds how long memory is held.
        let token_time = settings.token_lifetime.max(Duration::from_hours(1));
        Self {
            is_open: settings.is_open,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            secrets: secrets.clone(),
            keys: KeyRing::new(secrets.jwt_keys()),
            entra: settings
                .entra
                .clone()
                .map(|settings| Arc::new(Entra::new(settings, metrics.issuer_keys.clone()))),
            hashing: Hashing::new(),
            cache_time: settings.cache_time,
            states: cache(settings.cache_time, STATES_MAX),
            api_keys: cache(settings.cache_time, STATES_MAX),
            tokens: cache(token_time, TOKENS_MAX),
            metrics_token: settings
                .metrics_token
                .as_ref()
                .map(|token| secrets::digest(token.expose_secret())),
            metrics: metrics.clone(),
        }
    }

    /// Whether everybody is let in, for local work without accounts.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether these are what a scraper of metrics shows (`METRICS_TOKEN`). Asks nobody.
    pub fn is_scraper(&self, credentials: Credentials<'_>) -> bool {
        match (credentials, &self.metrics_token) {
            (Credentials::Bearer(token), Some(digest)) => secrets::same(digest, &secrets::digest(token)),
            _ => false,
        }
    }

    pub(super) const fn hashing(&self) -> &Hashing {
        &self.hashing
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        self.keys.current()
    }

    /// The public keys of the tokens that we give.
    pub fn public_keys(&self) -> JwkSet {
        self.keys().public()
    }

    fn parties(&self) -> Parties<'_> {
        Parties {
            issuer: &self.issuer,
            audience: &self.audience,
        }
    }

    /// Reads a token of ours, without regard to its times and its account.
    pub(super) fn own_token(&self, token: &str) -> Result<Claims, Denied> {
        token::read(&self.keys(), self.parties(), &token::head(token)?, token)
    }

    /// Tells who bears these credentials.
    ///
    /// # Errors
    /// When they are missing or wrong, or it cannot be found out now.
    pub async fn authenticate(&self, app: &App, credentials: Credentials<'_>) -> Result<Identity, Denied> {
        self.authenticate_at(app, credentials, clock()).await
    }

    /// As [`Authenticator::authenticate`], at a given time.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn authenticate_at(
        &self,
        app: &App,
        credentials: Credentials<'_>,
        now: Timestamp,
    ) -> Result<Identity, Denied> {
        if self.is_open {
            return Ok(Identity::anonymous(Role::Admin));
        }
        match credentials {
            Credentials::None => Err(Denied::Missing),
            Credentials::Bearer(token) => self.token(app, token, now).await,
            Credentials::ApiKey(key) => self.api_key(app, key, now).await,
        }
    }

    async fn token(&self, app: &App, token: &str, now: Timestamp) -> Result<Identity, Denied> {
        match self.read(token).await? {
            Read::Entra(token) => {
                token.check_times(now)?;
                Ok(Identity::principal_of(token.actor.clone(), token.role))
            }
            Read::Own(claims) => {
                claims.check_times(now)?;
                let void = Denied::Invalid("the token is void");
                let state = self.state(app, claims.account, now).await?.ok_or(void)?;
                if !state.enabled || state.generation != claims.generation || is_revoked(&state, claims.jti) {
                    return Err(void);
                }
                Ok(Identity::principal_of(claims.sub.as_str(), claims.role.min(state.role)))
            }
        }
    }

    /// Reads a token: ours by our keys, any other by the issuer's. Each key has one algorithm and one issuer.
    async fn read(&self, token: &str) -> Result<Read, Denied> {
        let head = token::head(token)?;
        let mut keys = self.keys();
        if keys.find(&head.kid).is_none() && token::names_issuer(token, &self.issuer) {
            // Another instance may have heard of a new key before us.
            self.secrets.refresh().await;
            keys = self.keys();
        }
        let is_own = keys.find(&head.kid).is_some();
        // A hash of the token costs as much as checking a shared key's signature, and far less than checking any other.
        if is_own && head.alg == Algorithm::HS256 {
            return token::read(&keys, self.parties(), &head, token).map(|claims| Read::Own(Arc::new(claims)));
        }
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        // A key that was taken away takes its tokens with it.
        let known = self.tokens.get(&hash).await;
        let known = known.filter(|read| is_own || matches!(read, Read::Entra(_)));
        self.metrics.tokens.looked_up(known.is_some());
        if let Some(read) = known {
            return Ok(read);
        }
        let read = if is_own {
            Read::Own(Arc::new(token::read(&keys, self.parties(), &head, token)?))
        } else if let Some(entra) = &self.entra {
            Read::Entra(Arc::new(entra.read(&head, token).await?))
        } else {
            return Err(Denied::Invalid("the token's key is not known"));
        };
        self.tokens.insert(hash, read.clone()).await;
        Ok(read)
    }

    /// The state of an account, no older than the settings allow.
    async fn state(&self, app: &App, account: i64, now: Timestamp) -> Result<Option<Arc<TokenState>>, Denied> {
        let load = async {
            let state = inventory_store::accounts::token_state(app.store(), account, now).await?;
            Ok::<_, Error>(state.map(Arc::new))
        };
        if self.cache_time.is_zero() {
            return load.await.map_err(|error| (&error).into());
        }
        let entry = self.states.entry(account).or_try_insert_with(load).await;
        self.metrics
            .accounts
            .looked_up(entry.as_ref().is_ok_and(|entry| !entry.is_fresh()));
        entry
            .map(moka::Entry::into_value)
            .map_err(|error| error.as_ref().into())
    }

    async fn api_key(&self, app: &App, key: &str, now: Timestamp) -> Result<Identity, Denied> {
        const UNKNOWN: Denied = Denied::Invalid("the API key is not known");
        let prefix = secrets::prefix(key).ok_or(UNKNOWN)?;
        let load = async {
            let found = inventory_store::api_keys::with_prefix(app.store(), prefix).await?;
            Ok::<_, Error>(found.map(Arc::new))
        };
        let found = if self.cache_time.is_zero() {
            load.await.map_err(|error| Denied::from(&error))?
        } else {
            let entry = self.api_keys.entry_by_ref(prefix).or_try_insert_with(load).await;
            self.metrics
                .api_keys
                .looked_up(entry.as_ref().is_ok_and(|entry| !entry.is_fresh()));
            entry.map_err(|error| Denied::from(error.as_ref()))?.into_value()
        };
        let found = found.ok_or(UNKNOWN)?;
        if !secrets::same(&found.hash, &secrets::digest(key)) {
            return Err(UNKNOWN);
        }
        if !found.key.is_good(now) {
            return Err(Denied::Invalid("the API key is no longer good"));
        }
        let since = now.plus_seconds(-LAST_USED_SECONDS);
        if found.key.last_used_at.is_none_or(|at| at < since) {
            self.note_use(app, &found, now, since).await;
        }
        Ok(Identity::principal_of(found.key.actor(), found.key.role))
    }

    /// Notes that a key was used, off the request's way.
    async fn note_use(&self, app: &App, found: &StoredKey, now: Timestamp, since: Timestamp) {
        // What is cached says so at once: until it is read again nobody else notes it.
        let mut noted = found.clone();
        noted.key.last_used_at = Some(now);
        if !self.cache_time.is_zero() {
            self.api_keys
                .insert(noted.key.prefix.clone(), Some(Arc::new(noted)))
                .await;
        }
        let (store, id) = (app.store().clone(), found.key.id);
        app.spawn(async move {
            if let Err(error) = inventory_store::api_keys::used(&store, id, now, since).await {
                tracing::warn!(%error, "the last use of an API key was not noted");
            }
        });
    }
}
