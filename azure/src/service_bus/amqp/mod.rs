//! Sending over AMQP 1.0: one connection, opened when it is first needed and again whenever it broke.
//!
//! | file | what it is |
//! |---|---|
//! | `connection` | a connection, its session and its links |
//! | `tls`, `cbs`, `refresh` | who the service is, who we are, and that it stays known |
//! | `delivery` | messages on a link, and their answers |
//! | `backoff` | pauses between attempts |

mod backoff;
mod cbs;
mod connection;
mod delivery;
mod refresh;
mod tls;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::client::ServiceBusOptions;
use super::error::SendError;
use super::health::Health;
use super::message::OutgoingMessage;
use super::namespace::ServiceBusConnection;
use super::rounds::{Outcome, Rounds};
use super::tokens::Tokens;
use connection::{Connection, Link, Security};

/// A sender for one namespace or broker.
pub(super) struct AmqpSender {
    to: ServiceBusConnection,
    options: ServiceBusOptions,
    state: Mutex<State>,
    health: Health,
}

#[derive(Default)]
struct State {
    /// Made before the first connection.
    security: Option<Security>,
    connection: Option<Connection>,
    /// Attempts to connect that have failed since the last that worked.
    failures: u32,
    /// No attempt before this.
    not_before: Option<Instant>,
}

impl AmqpSender {
    pub(super) fn new(to: ServiceBusConnection, options: ServiceBusOptions) -> Self {
        Self {
            to,
            options,
            state: Mutex::default(),
            health: Health::default(),
        }
    }

    /// See [`super::ServiceBus::send`].
    pub(super) async fn send(&self, entity: &str, messages: &[OutgoingMessage]) -> Result<Vec<Outcome>, SendError> {
        self.health.refuse_while_throttled()?;
        let deadline = Instant::now() + self.options.send_timeout;
        let mut link = self.link(entity, deadline).await?;
        let mut rounds = Rounds::new(messages);
        let mut is_second_try = false;
        let mut rest = SendError::NotConnected("the time was over before its turn".to_owned());
        while let Some(round) = rounds.next() {
            let (outcomes, broken) = delivery::deliver(&link, entity, &round, messages, deadline).await;
            if let Some(error) = outcomes.iter().find_map(|(_, outcome)| throttled(outcome)) {
                self.health.note_throttled(&error);
                rest = error;
            }
            let mut open = Vec::new();
            for (index, outcome) in outcomes {
                match outcome {
                    Err(error) if broken && !is_second_try && !error.concerns_message() => open.push((index, error)),
                    outcome => rounds.record(index, outcome),
                }
            }
            if broken {
                self.forget(entity, &link, Instant::now() >= deadline).await;
                // Links that are idle are detached, connections come to their end, tokens are withdrawn: a new link with
                // a new token helps, if anything does.
                let again = match open.first() {
                    None => Err(None),
                    Some(_) => self.link(entity, deadline).await.map_err(Some),
                };
                match again {
                    Ok(new) => {
                        is_second_try = true;
                        link = new;
                        rounds.again(open.into_iter().map(|(index, _)| index).collect());
                        continue;
                    }
                    Err(error) => {
                        for (index, outcome) in open {
                            rounds.record(index, Err(outcome));
                        }
                        rest = error
                            .unwrap_or_else(|| SendError::NotConnected("the link broke before its turn".to_owned()));
                        break;
                    }
                }
            }
            if matches!(rest, SendError::Throttled { .. }) || Instant::now() >= deadline {
                break;
            }
        }
        Ok(rounds.finish(&rest))
    }

    /// See [`super::ServiceBus::check`].
    pub(super) async fn check(&self) -> Result<(), SendError> {
        let Ok(mut state) = self.state.try_lock() else {
            // Somebody is connecting. What went wrong the last time is still true; else it is worth waiting for.
            self.health.trouble()?;
            let mut state = self.lock(Instant::now() + self.options.connect_timeout).await?;
            return self.check_with(&mut state).await;
        };
        self.check_with(&mut state).await
    }

    async fn check_with(&self, state: &mut State) -> Result<(), SendError> {
        if !state.is_connected() && state.not_before.is_some_and(|at| at > Instant::now()) {
            self.health.trouble()?;
        }
        self.connect(state).await?;
        self.health.trouble()
    }

    /// See [`super::ServiceBus::close`].
    pub(super) async fn close(&self) {
        let connection = self.state.lock().await.connection.take();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    async fn lock(&self, limit: Instant) -> Result<MutexGuard<'_, State>, SendError> {
        timeout_at(limit, self.state.lock())
            .await
            .map_err(|_| SendError::NotConnected("somebody else is still connecting".to_owned()))
    }

    /// A link to the entity, on the connection there is or a new one. Attempts until the time is over.
    async fn link(&self, entity: &str, limit: Instant) -> Result<Arc<Link>, SendError> {
        let mut state = self.lock(limit).await?;
        loop {
            if !state.is_connected()
                && let Some(at) = state.not_before
            {
                if at >= limit {
                    self.health.trouble()?;
                }
                sleep_until(at.min(limit)).await;
            }
            let error = match self.try_link(&mut state, entity).await {
                Ok(link) => return Ok(link),
                Err(error) if !error.is_transient() || error.retry_after().is_some() => return Err(error),
                Err(error) => error,
            };
            if state.not_before.is_none_or(|at| at >= limit) {
                return Err(error);
            }
        }
    }

    async fn try_link(&self, state: &mut State, entity: &str) -> Result<Arc<Link>, SendError> {
        self.connect(state).await?;
        let Some(connection) = &mut state.connection else {
            return Err(SendError::NotConnected("the connection was closed".to_owned()));
        };
        // A token and a link: two steps.
        let link = self
            .limited(self.options.connect_timeout * 2, connection.link(entity))
            .await;
        match link {
            Ok(link) => {
                self.health.note(entity, None);
                Ok(link)
            }
            Err(error) => {
                self.health.note(entity, Some(&error));
                if error.retry_after().is_some() {
                    self.health.note_throttled(&error);
                } else if error.is_transient() {
                    // Whatever it is: a new connection has a better chance than this one.
                    state.connection = None;
                    state.note_failure(&error);
                }
                Err(error)
            }
        }
    }

    /// Makes sure that there is a connection.
    async fn connect(&self, state: &mut State) -> Result<(), SendError> {
        if state.is_connected() {
            return Ok(());
        }
        state.connection = None;
        let security = match &state.security {
            Some(security) => security.clone(),
            None => self.security().inspect_err(|error| self.health.note("", Some(error)))?,
        };
        state.security = Some(security.clone());
        let patience = self.options.connect_timeout;
        // TLS and AMQP make a large future; it is rare.
        let opening = Box::pin(Connection::open(&self.to, &security, patience));
        match self.limited(patience, opening).await {
            Ok(connection) => {
                if state.failures > 0 {
                    tracing::info!(attempts = state.failures + 1, "connected to Service Bus again");
                }
                state.connection = Some(connection);
                state.failures = 0;
                state.not_before = None;
                self.health.note("", None);
                Ok(())
            }
            Err(error) => {
                state.note_failure(&error);
                self.health.note("", Some(&error));
                Err(error)
            }
        }
    }

    fn security(&self) -> Result<Security, SendError> {
        let tls = self
            .to
            .has_tls
            .then(|| tls::connector(&self.options.extra_roots))
            .transpose()?;
        let tokens = Tokens::new(&self.to.access, &self.options);
        Ok(Security { tls, tokens })
    }

    /// Every step of connecting has a limit.
    async fn limited<T>(
        &self,
        patience: std::time::Duration,
        step: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        timeout(patience, step)
            .await
            .unwrap_or_else(|_| Err(SendError::NotConnected("it did not answer in time".to_owned())))
    }

    /// The next send gets a new link; and a new connection if this one has ended, or does not answer.
    async fn forget(&self, entity: &str, link: &Arc<Link>, is_silent: bool) {
        let mut state = self.state.lock().await;
        if let Some(connection) = &mut state.connection {
            let was_there = connection.forget(entity, link);
            if was_there && is_silent {
                state.connection = None;
            }
        }
    }
}

impl State {
    fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_alive)
    }

    /// Remembers that an attempt failed, and when the next may be.
    fn note_failure(&mut self, error: &SendError) {
        self.failures = self.failures.saturating_add(1);
        let pause = backoff::pause(self.failures);
        tracing::warn!(%error, failures = self.failures, ?pause, "no connection to Service Bus");
        self.not_before = Some(Instant::now() + pause);
    }
}

fn throttled(outcome: &Outcome) -> Option<SendError> {
    outcome
        .as_ref()
        .err()
        .filter(|error| error.retry_after().is_some())
        .cloned()
}
