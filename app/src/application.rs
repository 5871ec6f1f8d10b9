//! The application: what the handlers and the tools hold.

use crate::{
    Begun, Call, CheckResult, Error, Readiness, Secrets, Settings,
    outbox::{Nudge, Relay},
    work,
};
use inventory_azure::{ServiceBus, ServiceBusOptions};
use inventory_store::{Store, StoreError};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// First wait before the database is asked again while starting; doubles up to [`START_RETRY_MAX`].
const START_RETRY: Duration = Duration::from_millis(100);
const START_RETRY_MAX: Duration = Duration::from_secs(5);
/// How long a readiness check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

struct Inner {
    settings: Settings,
    secrets: Secrets,
    store: Store,
    service_bus: Option<ServiceBus>,
    nudge: Nudge,
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
        let store = Store::open(&settings.database)?;
        let service_bus = settings
            .service_bus
            .clone()
            .map(|connection| ServiceBus::new(connection, ServiceBusOptions::default()));
        let inner = Inner {
            secrets: Secrets::new(settings.secrets.clone()),
            settings,
            store,
            service_bus,
            nudge: Nudge::default(),
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

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn service_bus(&self) -> Option<&ServiceBus> {
        self.inner.service_bus.as_ref()
    }

    pub(crate) fn nudge(&self) -> &Nudge {
        &self.inner.nudge
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When the database is away or holds another schema.
    pub async fn migrate(&self) -> Result<(), Error> {
        Ok(self.inner.store.migrate().await?)
    }

    /// Makes the application ready: waits for the database, brings the schema up to date where the settings say so, and
    /// starts the relay. A database that is away is asked again until it is there.
    pub async fn start(&self) {
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
        if self.inner.service_bus.is_some() {
            Relay::spawn(self, &self.inner.tasks, &self.inner.stop);
        }
        self.inner.ready.send_replace(true);
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
        let database = async {
            match tokio::time::timeout(CHECK_TIMEOUT, self.inner.store.ping()).await {
                Ok(Ok(())) => CheckResult::ok(),
                Ok(Err(error)) => CheckResult::failed(error.to_string()),
                Err(_) => CheckResult::failed("no answer in time"),
            }
        };
        let migrations = async {
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
            match tokio::time::timeout(CHECK_TIMEOUT, service_bus.check()).await {
                Ok(Ok(())) => CheckResult::ok(),
                Ok(Err(error)) => CheckResult::failed(error.to_string()),
                Err(_) => CheckResult::failed("no answer in time"),
            }
        };
        let (database, migrations, service_bus) = tokio::join!(database, migrations, service_bus);
        Readiness::new(self.is_ready(), database, migrations, service_bus)
    }

    /// Begins a write.
    ///
    /// # Errors
    /// When its idempotency key is in use or was used for something else, or the database is away.
    pub async fn begin(&self, call: Call) -> Result<Begun, Error> {
        work::begin(self, call).await
    }

    /// Stops the relay, finishing what it is sending, and closes all connections.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        if let Some(service_bus) = &self.inner.service_bus {
            service_bus.close().await;
        }
        self.inner.store.close().await;
    }
}
