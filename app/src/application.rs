//! The application: what the handlers and the tools hold.

use crate::{
    Begun, Call, CheckResult, Checks, Error, Metrics, Readiness, Secrets, Settings,
    access_log::AccessLog,
    backorders,
    catalogue_cache::{self, CatalogueCache},
    database_token,
    files::{self, Files},
    health::Health,
    identity::Authenticator,
    outbox::{Nudge, Relay},
    rate_limit::RateLimiter,
    receivers::{self, Mailer, Outbound, Works},
    redis_token,
    secrets::{Keeper, SecretString},
    telemetry::{Export, Traces},
    work,
};
use inventory_azure::{EventHistory, KeyVault, KeyVaultOptions, ServiceBus, ServiceBusOptions, TokenCredential};
use inventory_store::{Authentication, Engine, Store, StoreError};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// First wait before the database is asked again while starting; doubles up to [`START_RETRY_MAX`].
const START_RETRY: Duration = Duration::from_millis(100);
const START_RETRY_MAX: Duration = Duration::from_secs(5);
/// How long a readiness check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// Stands for the database until the Key Vault says where it is: nobody connects before.
const NOT_TOLD_YET: &str = "postgres://localhost?sslmode=verify-full";

/// How Azure is reached. Tests have their own.
#[derive(Clone, Debug)]
pub struct Azure {
    /// Who we are.
    pub credential: Arc<dyn TokenCredential>,
    /// How the Key Vault is asked.
    pub key_vault: KeyVaultOptions,
}

impl Azure {
    /// As the settings and the environment say. Nothing is made before it is used.
    pub fn new(settings: &Settings) -> Self {
        Self {
            credential: inventory_azure::credential(settings.azure.client_id.as_deref()),
            key_vault: KeyVaultOptions::default(),
        }
    }
}

struct Inner {
    settings: Settings,
    secrets: Secrets,
    azure: Azure,
    identity: Authenticator,
    store: Store,
    catalogue: Arc<CatalogueCache>,
    metrics: Metrics,
    /// How it stands with tokens for the database; `None` with a password.
    database_token: Option<Arc<Health>>,
    service_bus: Option<ServiceBus>,
    event_history: Option<EventHistory>,
    files: Option<Files>,
    /// Who works on a file, one at a time.
    files_turn: Mutex<()>,
    /// Where Redis is, with a token that is good; `None`: the secrets say it.
    redis_urls: Option<watch::Sender<Option<SecretString>>>,
    nudge: Nudge,
    /// Sends to where somebody has named.
    outbound: Outbound,
    mailer: Mailer,
    works: Works,
    rate_limiter: Option<RateLimiter>,
    access_log: AccessLog,
    traces: Traces,
    ready: watch::Sender<bool>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The application; clones are the same one.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Puts the application together. Nothing is connected yet.
    ///
    /// # Errors
    /// When the database URL cannot be read.
    pub fn build(settings: Settings) -> Result<Self, Error> {
        let azure = Azure::new(&settings);
        Self::build_with(settings, azure)
    }

    /// As [`App::build`], with another way to Azure.
    ///
    /// # Errors
    /// When the database URL cannot be read.
    pub fn build_with(settings: Settings, azure: Azure) -> Result<Self, Error> {
        let mut database = settings.database.clone();
        if database.url.is_empty() {
            NOT_TOLD_YET.clone_into(&mut database.url);
        }
        let store = Store::open(&database)?.with_event_history(settings.event_history.is_some());
        let export = Export::of(&settings.telemetry);
        let metrics = Metrics::new(store.engine(), export.as_ref())?;
        let store = store.with_observer(metrics.database());
        let has_token = store.engine() == Engine::Postgres && database.authentication == Authentication::Token;
        let database_token = has_token.then(|| Arc::new(Health::new("no token for the database yet")));
        let service_bus = settings
            .service_bus
            .clone()
            .map(|connection| ServiceBus::new(connection, ServiceBusOptions::default()));
        let event_history = settings
            .event_history
            .as_ref()
            .map(|history| EventHistory::new(history.options(&azure.credential)));
        let files = settings
            .files
            .engine
            .as_ref()
            .map(|engine| Files::new(engine, &azure.credential));
        let secrets = Secrets::new(settings.secrets.clone(), settings.azure.key_vault.is_some());
        let redis_urls = settings.rate_limit.has_redis_token.then(|| watch::Sender::new(None));
        let redis_url = redis_urls
            .as_ref()
            .map_or_else(|| secrets.redis_url(), watch::Sender::subscribe);
        let rate_limiter = RateLimiter::new(&settings.rate_limit, redis_url, metrics.rate_limit());
        let traces = Traces::new(export.as_ref(), settings.telemetry.sample_ratio);
        let outbound = Outbound::new(settings.receivers.allows_loopback);
        let caches = metrics.caches();
        let catalogue = CatalogueCache::new(
            settings.work.catalogue_cache,
            caches.products.clone(),
            caches.locations.clone(),
        );
        let inner = Inner {
            catalogue: Arc::new(catalogue),
            identity: Authenticator::new(&settings.identity, &secrets, metrics.caches()),
            secrets,
            settings,
            azure,
            store,
            metrics,
            database_token,
            service_bus,
            event_history,
            files,
            files_turn: Mutex::new(()),
            redis_urls,
            nudge: Nudge::default(),
            outbound,
            mailer: Mailer::default(),
            works: Works::default(),
            rate_limiter,
            access_log: AccessLog::default(),
            traces,
            ready: watch::Sender::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The secrets, as they are now.
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Who tells who asks.
    pub fn identity(&self) -> &Authenticator {
        &self.inner.identity
    }

    /// Does something beside a request's way; a stop of the program waits for it.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.inner.tasks.spawn(work)
    }

    /// Cancelled when the program is asked to stop.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.inner.stop
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Products and locations that are kept in memory.
    pub(crate) fn catalogue(&self) -> &CatalogueCache {
        &self.inner.catalogue
    }

    /// What is counted and measured.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn service_bus(&self) -> Option<&ServiceBus> {
        self.inner.service_bus.as_ref()
    }

    pub(crate) fn event_history(&self) -> Option<&EventHistory> {
        self.inner.event_history.as_ref()
    }

    pub(crate) fn files(&self) -> Option<&Files> {
        self.inner.files.as_ref()
    }

    pub(crate) fn files_turn(&self) -> &Mutex<()> {
        &self.inner.files_turn
    }

    /// Counts requests by client, where they are limited.
    pub fn rate_limiter(&self) -> Option<&RateLimiter> {
        self.inner.rate_limiter.as_ref()
    }

    pub(crate) fn access_log(&self) -> &AccessLog {
        &self.inner.access_log
    }

    /// Makes the spans of traces.
    pub fn traces(&self) -> &Traces {
        &self.inner.traces
    }

    pub(crate) fn nudge(&self) -> &Nudge {
        &self.inner.nudge
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.inner.outbound
    }

    pub(crate) fn mailer(&self) -> &Mailer {
        &self.inner.mailer
    }

    pub(crate) fn works(&self) -> &Works {
        &self.inner.works
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When the database is away or holds another schema.
    pub async fn migrate(&self) -> Result<(), Error> {
        Ok(self.inner.store.migrate().await?)
    }

    /// Brings secrets and tokens that are not in the settings, once: what a tool does before it uses the store.
    ///
    /// # Errors
    /// When there are none. The reason is logged.
    pub async fn prepare(&self) -> Result<(), Error> {
        let prepared = async {
            if self.inner.database_token.is_some() {
                database_token::bring(&*self.inner.azure.credential, &self.inner.store).await?;
            }
            match self.keeper() {
                Some(keeper) => Box::pin(keeper.read_once()).await,
                None => Ok(()),
            }
        };
        prepared.await.map_err(|error: String| {
            tracing::error!(%error, "the database cannot be reached");
            Error::Unavailable
        })
    }

    /// Who brings secrets from the Key Vault, where there is one.
    fn keeper(&self) -> Option<Keeper> {
        let settings = &self.inner.settings;
        let azure = self.inner.azure.clone();
        let url = settings.azure.key_vault.clone()?;
        Some(Keeper::new(
            KeyVault::new(url, azure.credential, azure.key_vault),
            settings.secrets.clone(),
            self.inner.secrets.clone(),
            self.inner.store.clone(),
            settings.azure.key_vault_refresh,
        ))
    }

    /// Starts to bring secrets and tokens, and waits for the first. They go on changing while the program runs.
    async fn start_secrets(&self) {
        let Inner {
            secrets,
            azure,
            store,
            database_token,
            redis_urls,
            stop,
            tasks,
            ..
        } = &*self.inner;
        if let Some(urls) = redis_urls {
            let credential = Arc::clone(&azure.credential);
            tasks.spawn(redis_token::keep(
                credential,
                secrets.redis_url(),
                urls.clone(),
                stop.clone(),
            ));
        }
        if let Some(health) = database_token {
            let credential = Arc::clone(&azure.credential);
            tasks.spawn(database_token::keep(
                credential,
                store.clone(),
                Arc::clone(health),
                stop.clone(),
            ));
        }
        if let Some(keeper) = self.keeper() {
            tasks.spawn(keeper.run(stop.clone()));
        }
        for health in [database_token.as_deref(), secrets.vault()].into_iter().flatten() {
            health.worked().await;
        }
    }

    /// Makes the application ready: waits for secrets and tokens where they come from Azure, and for the database, brings the
    /// schema up to date where the settings say so, and starts the relay. A database that is away is asked again until it is
    /// there.
    pub async fn start(&self) {
        if self.inner.settings.identity.is_open {
            tracing::warn!(
                "WITHOUT ACCOUNTS: everybody who reaches this port may do everything; set JWT_KEYS or ENTRA_ISSUER to change that"
            );
        }
        tokio::select! {
            () = self.start_secrets() => {}
            () = self.inner.stop.cancelled() => return,
        }
        let mut wait = START_RETRY;
        loop {
            match self.try_start().await {
                Ok(()) => break,
                Err(error) => tracing::warn!(error = %error, "not ready yet"),
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(START_RETRY_MAX),
                () = self.inner.stop.cancelled() => return,
            }
        }
        // Where the database does not say it, the timer asks again.
        if let Err(error) = receivers::refresh(self).await {
            tracing::warn!(error = %error.reason(), "webhooks and channels wait for the timer");
        }
        Relay::spawn(self, &self.inner.tasks, &self.inner.stop);
        Works::spawn(self, &self.inner.tasks, &self.inner.stop);
        AccessLog::spawn(self, &self.inner.tasks, &self.inner.stop);
        backorders::spawn(self, &self.inner.tasks, &self.inner.stop);
        catalogue_cache::spawn(
            &self.inner.catalogue,
            &self.inner.store,
            &self.inner.tasks,
            &self.inner.stop,
        );
        // What an earlier process has left.
        files::wake(self);
        self.inner.ready.send_replace(true);
        Metrics::spawn(self, &self.inner.tasks, &self.inner.stop);
        tracing::info!(environment = %self.inner.settings.telemetry.environment, "ready");
    }

    async fn try_start(&self) -> Result<(), StoreError> {
        if self.inner.settings.migrate_on_start {
            self.inner.store.migrate().await?;
        } else {
            self.inner.store.ping().await?;
        }
        Ok(())
    }

    /// Whether [`App::start`] is done.
    pub fn is_ready(&self) -> bool {
        *self.inner.ready.borrow()
    }

    /// Waits until [`App::start`] is done.
    pub async fn ready(&self) {
        let mut ready = self.inner.ready.subscribe();
        // The sender lives as long as `self`.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Asks everything that is needed for a sign of life.
    pub async fn check(&self) -> Readiness {
        // What is not there yet is not asked, and is why.
        let vault = self.inner.secrets.vault();
        let token = self.inner.database_token.as_deref();
        let missing = [token, vault].into_iter().flatten().find(|health| !health.has_worked());
        let missing = missing.and_then(Health::problem).map(CheckResult::failed);
        let refused = || CheckResult::failed("the database refuses our user or password");
        let database = async {
            if let Some(missing) = &missing {
                return missing.clone();
            }
            match tokio::time::timeout(CHECK_TIMEOUT, self.inner.store.ping()).await {
                Ok(Ok(())) => CheckResult::ok(),
                Ok(Err(_)) | Err(_) if self.inner.store.is_refused() => refused(),
                Ok(Err(error)) => CheckResult::failed(error.reason()),
                Err(_) => CheckResult::failed("no answer in time"),
            }
        };
        let migrations = async {
            if let Some(missing) = &missing {
                return missing.clone();
            }
            match tokio::time::timeout(CHECK_TIMEOUT, self.inner.store.is_migrated()).await {
                Ok(Ok(true)) => CheckResult::ok(),
                Ok(Ok(false)) => CheckResult::failed("the schema is older than this program: run `inventory migrate`"),
                Ok(Err(error)) => CheckResult::failed(error.to_string()),
                Err(_) => CheckResult::failed("no answer in time"),
            }
        };
        let service_bus = async {
            let Some(service_bus) = &self.inner.service_bus else {
                return CheckResult::ok();
            };
            checked(service_bus.check()).await
        };
        let event_history = async {
            let history = self.inner.event_history.as_ref()?;
            Some(checked(history.check()).await)
        };
        let files = async {
            let files = self.inner.files.as_ref()?;
            Some(checked(files.check()).await)
        };
        let (database, migrations, service_bus, event_history, files) =
            tokio::join!(database, migrations, service_bus, event_history, files);
        let key_vault = vault.map(|health| health.problem().map_or_else(CheckResult::ok, CheckResult::failed));
        let checks = Checks {
            database,
            migrations,
            service_bus,
            key_vault,
            event_history,
            files,
            catalogue_cache: self.inner.catalogue.check(),
        };
        Readiness::new(self.is_ready(), checks)
    }

    /// Begins a write.
    ///
    /// # Errors
    /// When its idempotency key is in use or was used for something else, or the database is away.
    pub async fn begin(&self, call: Call) -> Result<Begun, Error> {
        work::begin(self, call).await
    }

    /// Stops the relay, finishing what it is sending, and closes all connections; what is left of traces is sent, if that takes no longer than a few seconds.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Some(service_bus) = &self.inner.service_bus {
            service_bus.close().await;
        }
        self.inner.store.close().await;
        tokio::join!(self.inner.traces.shutdown(), self.inner.metrics.shutdown());
    }
}

/// How a service that is asked for a sign of life stands.
async fn checked<E: std::fmt::Display>(check: impl Future<Output = Result<(), E>>) -> CheckResult {
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(())) => CheckResult::ok(),
        Ok(Err(error)) => CheckResult::failed(error.to_string()),
        Err(_) => CheckResult::failed("no answer in time"),
    }
}
