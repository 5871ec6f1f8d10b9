//! Who we are to PostgreSQL, and how that changes while the program runs.
//!
//! A new password is for new connections; a session that is open goes on. So a change is never an interruption: the pool
//! connects with what it was told last, and connections from before a change are closed when they are free.

use super::{
    Store, StoreError,
    pool::{PLANS, Pool},
};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{
    str::FromStr as _,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// First wait before the pool is asked again after the server refused us; doubles up to [`REFUSED_RETRY_MAX`].
const REFUSED_RETRY: Duration = Duration::from_millis(25);
const REFUSED_RETRY_MAX: Duration = Duration::from_millis(500);

/// How we prove to PostgreSQL who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// A password, in the URL or beside it.
    #[default]
    Password,
    /// A token that [`Store::set_password`] brings, again and again. It is worth what a password is, so it goes over a
    /// connection only whose other end has proved who it is.
    Token,
}

/// Why the database is not reached in another way from now on. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The URL is not one of the two forms.
    #[error("the database's URL cannot be read (postgres://USER@HOST/DATABASE)")]
    Url,
    /// SQLite has no users, and one engine does not become the other.
    #[error("the database's URL names another engine than the one in use")]
    Engine,
    /// A token would travel to whoever answers.
    #[error("with tokens, the database's URL needs sslmode=verify-full")]
    Unproved,
    /// The server does not take them.
    #[error("the database refuses our user or password")]
    Refused,
    /// The server was not reached.
    #[error(transparent)]
    Store(StoreError),
}

/// What may change about a pool.
#[derive(Debug)]
pub(super) struct Access {
    authentication: Authentication,
    statement_timeout: Duration,
    connect_timeout: Duration,
    began: Instant,
    /// Nanoseconds from `began` to the last change; 0 before the first.
    changed: AtomicU64,
    changes: watch::Sender<()>,
    is_refused: AtomicBool,
    refusals: watch::Sender<()>,
    /// The last token, for a URL that comes after it.
    token: Mutex<Option<SecretString>>,
    /// The URL, and the password beside it.
    way: Mutex<Option<(SecretString, Option<SecretString>)>>,
}

impl Access {
    pub(super) fn new(authentication: Authentication, statement_timeout: Duration, connect_timeout: Duration) -> Self {
        Self {
            authentication,
            statement_timeout,
            connect_timeout,
            began: Instant::now(),
            changed: AtomicU64::new(0),
            changes: watch::Sender::new(()),
            is_refused: AtomicBool::new(false),
            refusals: watch::Sender::new(()),
            token: Mutex::default(),
            way: Mutex::default(),
        }
    }

    /// How to connect.
    pub(super) fn options(&self, url: &str, password: Option<&SecretString>) -> Result<PgConnectOptions, AccessError> {
        let mut options = PgConnectOptions::from_str(url).map_err(|_| AccessError::Url)?;
        if let Some(password) = password {
            options = options.password(password.expose_secret());
        }
        let is_proved = matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull);
        if self.authentication == Authentication::Token && !is_proved {
            return Err(AccessError::Unproved);
        }
        Ok(options
            .application_name("inventory")
            .statement_cache_capacity(256)
            .options([("statement_timeout", self.statement_timeout.as_millis().to_string())])
            .options(PLANS))
    }

    /// Whether a connection of this age is from before the last change.
    pub(super) fn is_outdated(&self, age: Duration) -> bool {
        let changed = self.changed.load(Ordering::Acquire);
        changed != 0 && self.began.elapsed().saturating_sub(age) < Duration::from_nanos(changed)
    }

    /// Keeps what new connections are made with.
    pub(super) fn note_way(&self, url: &str, password: Option<&SecretString>) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some((url.into(), password.cloned()));
    }

    fn token(&self) -> MutexGuard<'_, Option<SecretString>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_change(&self) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.changed.store(now.max(1), Ordering::Release);
        self.note_other_password();
    }

    fn note_other_password(&self) {
        self.is_refused.store(false, Ordering::Relaxed);
        self.changes.send_replace(());
    }
}

/// Whether the server does not take our user or password (class 28 of its codes).
fn is_refusal(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("28")))
}

impl Store {
    /// Returns when a connection made at that moment is from before a change of user or password.
    pub(crate) async fn outdated(&self, made: Instant) {
        let mut changes = self.access.changes.subscribe();
        while !self.access.is_outdated(made.elapsed()) {
            if changes.changed().await.is_err() {
                // Nobody changes anything any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// A connection. Where somebody listens to [`Store::refusals`], a refusal is not the end: another password may be on
    /// its way, or another connection become free. It waits as long as for a free connection.
    pub(super) async fn acquire(&self, pool: &PgPool) -> Result<PoolConnection<Postgres>, StoreError> {
        let _watch = self.waiting();
        // Boxed, as sqlx does it: what connects is large, and is in every future that has a statement.
        match Box::pin(pool.acquire()).await {
            Err(error) if is_refusal(&error) => Box::pin(self.acquire_patiently(pool, error)).await,
            other => Ok(other?),
        }
    }

    async fn acquire_patiently(
        &self,
        pool: &PgPool,
        mut refusal: sqlx::Error,
    ) -> Result<PoolConnection<Postgres>, StoreError> {
        let deadline = Instant::now() + self.access.connect_timeout;
        let mut changes = self.access.changes.subscribe();
        let mut wait = REFUSED_RETRY;
        loop {
            self.access.is_refused.store(true, Ordering::Relaxed);
            self.access.refusals.send_replace(());
            if self.access.refusals.receiver_count() == 0 || Instant::now() + wait > deadline {
                return Err(refusal.into());
            }
            // The sender lives as long as `self`.
            let _ = tokio::time::timeout(wait, changes.changed()).await;
            wait = (wait * 2).min(REFUSED_RETRY_MAX);
            match pool.acquire().await {
                Err(error) if is_refusal(&error) => refusal = error,
                other => return Ok(other?),
            }
        }
    }

    /// Told whenever the server refuses our user or password. Whoever listens is expected to bring better ones.
    pub fn refusals(&self) -> watch::Receiver<()> {
        self.access.refusals.subscribe()
    }

    /// Whether the server's last word on our user and password was no.
    pub fn is_refused(&self) -> bool {
        self.access.is_refused.load(Ordering::Relaxed)
    }

    /// How new connections are made now, for tools that bring a program of PostgreSQL's own: the URL, and the password or
    /// token that wins over one in it. `None` for SQLite, which has neither.
    pub fn way(&self) -> Option<(SecretString, Option<SecretString>)> {
        let way = self.access.way.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, password) = way.clone()?;
        Some((url, self.access.token().clone().or(password)))
    }

    /// Connects with this password from now on; open connections stay, as they do when a token expires.
    pub fn set_password(&self, password: &SecretString) {
        if let Pool::Postgres(pool) = &self.pool {
            *self.access.token() = Some(password.clone());
            let options = pool.connect_options().as_ref().clone();
            pool.set_connect_options(options.password(password.expose_secret()));
            self.access.note_other_password();
        }
    }

    /// Connects to this URL with this password (which wins over one in the URL) from now on; connections from before are
    /// closed when they are free. The server is asked first, so that what it does not take changes nothing; with tokens
    /// it is not, since the token comes with [`Store::set_password`].
    ///
    /// # Errors
    /// When the URL is wrong or the server cannot be reached that way.
    pub async fn change_access(&self, url: &SecretString, password: Option<&SecretString>) -> Result<(), AccessError> {
        let Pool::Postgres(pool) = &self.pool else {
            return Err(AccessError::Engine);
        };
        let url = url.expose_secret();
        if url.starts_with("sqlite:") {
            return Err(AccessError::Engine);
        }
        let mut options = self.access.options(url, password)?;
        if self.access.authentication == Authentication::Token {
            if let Some(token) = &*self.access.token() {
                options = options.password(token.expose_secret());
            }
        } else {
            let connected =
                tokio::time::timeout(self.access.connect_timeout, sqlx::PgConnection::connect_with(&options));
            match connected.await {
                Ok(Ok(connection)) => {
                    // It has said what it was to say; a farewell that fails does not matter.
                    let _ = connection.close().await;
                }
                Ok(Err(error)) if is_refusal(&error) => return Err(AccessError::Refused),
                Ok(Err(error)) => return Err(AccessError::Store(error.into())),
                Err(_) => return Err(AccessError::Store(sqlx::Error::PoolTimedOut.into())),
            }
        }
        pool.set_connect_options(options);
        self.access.note_way(url, password);
        self.access.note_change();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(authentication: Authentication) -> Access {
        Access::new(authentication, Duration::from_secs(1), Duration::from_secs(1))
    }

    #[test]
    fn a_token_goes_only_to_a_server_that_proves_who_it_is() {
        let token = access(Authentication::Token);
        for mode in ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=require"] {
            let url = format!("postgres://user@host/database{mode}");
            assert!(
                matches!(token.options(&url, None), Err(AccessError::Unproved)),
                "{mode}"
            );
        }
        assert!(
            token
                .options("postgres://user@host/database?sslmode=verify-full", None)
                .is_ok()
        );
        assert!(
            access(Authentication::Password)
                .options("postgres://user@host/database", None)
                .is_ok()
        );
    }

    #[test]
    fn connections_from_before_a_change_are_outdated() {
        let access = access(Authentication::Password);
        assert!(!access.is_outdated(Duration::from_hours(1)));
        access.note_change();
        assert!(access.is_outdated(access.began.elapsed()));
        assert!(!access.is_outdated(Duration::ZERO));
    }
}
