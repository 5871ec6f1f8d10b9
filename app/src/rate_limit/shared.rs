//! Counting in Redis, for instances that share a limit. A request waits for one round trip and never longer than the
//! time-out; nothing ever waits for a connection. While Redis is away or slow each process counts for itself.

use super::window::{Decision, Policy, Window};
use crate::{clock, secrets::ExposeSecret as _, secrets::SecretString};
use redis::{AsyncConnectionConfig, Client, Script, aio::MultiplexedConnection};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long a connection may take, TLS and password included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// First wait before Redis is tried again; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// What our keys begin with; others may use the same Redis.
const KEY_PREFIX: &str = "inventory:rate-limit:";

enum State {
    /// Not connected; not tried before the moment.
    Away { retry_at: Instant, wait: Duration },
    /// Being connected.
    Connecting { wait: Duration },
    /// Connected; the number tells connections apart.
    Connected(MultiplexedConnection, u64),
}

struct Inner {
    /// Where Redis is; `None` while nobody says.
    url: watch::Receiver<Option<SecretString>>,
    timeout: Duration,
    script: Script,
    state: Mutex<State>,
}

#[derive(Clone)]
pub(super) struct Shared {
    inner: Arc<Inner>,
}

impl Shared {
    /// Connects when first used.
    pub(super) fn new(url: watch::Receiver<Option<SecretString>>, timeout: Duration) -> Self {
        let state = State::Away {
            retry_at: Instant::now(),
            wait: RETRY,
        };
        Self {
            inner: Arc::new(Inner {
                url,
                timeout,
                script: Script::new(include_str!("take.lua")),
                state: Mutex::new(state),
            }),
        }
    }

    /// Counts a request; `None` where Redis does not say in time.
    pub(super) async fn take(&self, client: &str, policy: Policy) -> Option<Decision> {
        if !self.is_wanted() {
            return None;
        }
        let (mut connection, number) = self.connection()?;
        let now_ms = clock().micros().unsigned_abs() / 1_000;
        let mut call = self.inner.script.prepare_invoke();
        call.key(format!("{KEY_PREFIX}{client}"))
            .arg(now_ms)
            .arg(policy.window_ms())
            .arg(policy.requests);
        let answer = tokio::time::timeout(self.inner.timeout, call.invoke_async(&mut connection)).await;
        let why = match answer {
            Ok(Ok(answer)) => {
                let (is_allowed, start_ms, current, previous): (bool, u64, u64, u64) = answer;
                let window = Window {
                    start_ms,
                    current,
                    previous,
                };
                return Some(window.decision(is_allowed, now_ms.max(start_ms), policy));
            }
            Ok(Err(error)) => describe(&error),
            Err(_) => "no answer in time".to_owned(),
        };
        self.lost(number, &why);
        None
    }

    /// Whether there is a Redis to count in.
    pub(super) fn is_wanted(&self) -> bool {
        self.inner.url.borrow().is_some()
    }

    /// Whether Redis counts just now.
    pub(super) fn is_connected(&self) -> bool {
        matches!(*self.state(), State::Connected(..))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, where there is one; begins to connect where it is time to.
    fn connection(&self) -> Option<(MultiplexedConnection, u64)> {
        let mut state = self.state();
        match &*state {
            State::Connected(connection, number) => return Some((connection.clone(), *number)),
            State::Away { retry_at, wait } if *retry_at <= Instant::now() => {
                let wait = *wait;
                *state = State::Connecting { wait };
            }
            State::Away { .. } | State::Connecting { .. } => return None,
        }
        drop(state);
        let shared = self.clone();
        tokio::spawn(async move { shared.connect().await });
        None
    }

    async fn connect(&self) {
        let connected = match tokio::time::timeout(CONNECT_TIMEOUT, self.try_connect()).await {
            Ok(result) => result,
            Err(_) => Err("no connection in time".to_owned()),
        };
        let mut state = self.state();
        match connected {
            Ok(connection) => {
                static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
                let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                *state = State::Connected(connection, number);
                drop(state);
                tracing::info!("Redis counts requests for all instances");
            }
            Err(why) => {
                let waited = match &*state {
                    State::Connecting { wait } => *wait,
                    _ => RETRY,
                };
                // Said once, not at each try.
                let is_news = waited == RETRY;
                *state = away(waited);
                drop(state);
                if is_news {
                    tracing::warn!(why, "Redis is away: each instance counts requests for itself");
                }
            }
        }
    }

    /// A connection over which the script was loaded in time: one that is there and too slow is none.
    async fn try_connect(&self) -> Result<MultiplexedConnection, String> {
        // As it is now: a password that was changed meanwhile is the new one.
        let url = self.inner.url.borrow().clone();
        let url = url.ok_or_else(|| "nobody says where it is any more".to_owned())?;
        let client = Client::open(url.expose_secret()).map_err(|error| describe(&error))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CONNECT_TIMEOUT));
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| describe(&error))?;
        let loaded = tokio::time::timeout(self.inner.timeout, self.inner.script.load_async(&mut connection)).await;
        match loaded {
            Ok(Ok(_)) => Ok(connection),
            Ok(Err(error)) => Err(describe(&error)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Gives up the connection with this number, where it is still the one in use.
    fn lost(&self, number: u64, why: &str) {
        let mut state = self.state();
        if !matches!(&*state, State::Connected(_, connected) if *connected == number) {
            return;
        }
        *state = away(RETRY);
        drop(state);
        tracing::warn!(why, "Redis does not answer: each instance counts requests for itself");
    }
}

/// Away for about `wait`; instances that lost Redis together do not come back together.
fn away(wait: Duration) -> State {
    let jitter = uuid::Uuid::now_v7().as_u128() as u32 % 50;
    State::Away {
        retry_at: Instant::now() + wait + wait * jitter / 100,
        wait: (wait * 2).min(RETRY_MAX),
    }
}

/// What went wrong, without what was sent: that may hold the password.
fn describe(error: &redis::RedisError) -> String {
    format!("{:?}", error.kind())
}
