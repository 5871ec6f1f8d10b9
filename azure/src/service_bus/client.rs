//! The client: many senders, one connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::link::SendError as LinkSendError;
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp_types::messaging::Outcome;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::backoff;
use super::connection::{Connection, ConnectionEnd, Link};
use super::connection_string::ConnectionString;
use super::error::SendError;
use super::message::OutgoingMessage;

/// How a [`ServiceBus`] behaves.
#[derive(Debug, Clone)]
pub struct ServiceBusOptions {
    /// The longest time without any progress before [`ServiceBus::send`] gives up: for getting a connection, and for
    /// the next answer.
    pub send_timeout: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
}

impl Default for ServiceBusOptions {
    /// 30 s without progress, 10 s for a connection.
    fn default() -> Self {
        Self {
            send_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// A Service Bus namespace to send to. Clones share one connection.
#[derive(Clone)]
pub struct ServiceBus {
    inner: Arc<Inner>,
}

struct Inner {
    connection_string: ConnectionString,
    options: ServiceBusOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Attempts to connect that have failed since the last that worked.
    failures: u32,
    /// No attempt before this.
    not_before: Option<Instant>,
    last_error: Option<SendError>,
}

/// The answer to one message, to come.
type Answer = DeliveryFut<Result<Outcome, LinkSendError>>;

impl ServiceBus {
    /// Connects when the first message is sent.
    pub fn new(connection_string: ConnectionString, options: ServiceBusOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                connection_string,
                options,
                state: Mutex::default(),
            }),
        }
    }

    /// Sends messages to a queue or topic, one after the other without waiting in between, and collects the answers.
    ///
    /// `Err`: nothing was sent. Otherwise there is an outcome for every message, in their order; after a transient one
    /// the message may be sent again with the same id.
    pub async fn send(
        &self,
        entity: &str,
        messages: &[OutgoingMessage],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let link = self.link(entity).await?;
        let (answers, mut broken) = self.put(&link, entity, messages).await;
        let mut end = link.connection_end();
        let mut outcomes = Vec::with_capacity(messages.len());
        for answer in answers {
            // Once the link is broken, only what is there already is taken: the rest does not come, one time-out
            // after the other.
            let patience = if broken {
                Duration::ZERO
            } else {
                self.inner.options.send_timeout
            };
            let outcome = match answer {
                Ok(answer) => outcome(answer, entity, patience, &mut end).await,
                Err(error) => Err(error),
            };
            broken |= matches!(outcome, Err(SendError::Unanswered(_) | SendError::TimedOut));
            outcomes.push(outcome);
        }
        if broken {
            self.forget(entity, &link).await;
        }
        Ok(outcomes)
    }

    /// Whether the namespace can be reached now: connects if there is no connection, but does not wait for the end of
    /// a pause between attempts.
    pub async fn check(&self) -> Result<(), SendError> {
        let limit = Instant::now() + self.inner.options.connect_timeout;
        let mut state = self.lock(limit).await?;
        if state.not_before.is_some_and(|at| at > Instant::now())
            && !state.connection.as_ref().is_some_and(Connection::is_alive)
        {
            return Err(state.last_error.clone().unwrap_or(SendError::TimedOut));
        }
        self.connect(&mut state).await
    }

    /// Closes the connection. A later send opens another.
    pub async fn close(&self) {
        let connection = self.inner.state.lock().await.connection.take();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    async fn lock(&self, limit: Instant) -> Result<MutexGuard<'_, State>, SendError> {
        timeout_at(limit, self.inner.state.lock())
            .await
            .map_err(|_| SendError::NotConnected("somebody else is still connecting".to_owned()))
    }

    /// A link to the entity, on the connection there is or a new one. Attempts until the time is over.
    async fn link(&self, entity: &str) -> Result<Arc<Link>, SendError> {
        let limit = Instant::now() + self.inner.options.send_timeout;
        let mut state = self.lock(limit).await?;
        loop {
            let error = match self.try_link(&mut state, entity).await {
                Ok(link) => return Ok(link),
                Err(error) if !error.is_transient() => return Err(error),
                Err(error) => error,
            };
            match state.not_before {
                Some(at) if at < limit => sleep_until(at).await,
                _ => return Err(error),
            }
        }
    }

    async fn try_link(&self, state: &mut State, entity: &str) -> Result<Arc<Link>, SendError> {
        self.connect(state).await?;
        let Some(connection) = &mut state.connection else {
            return Err(SendError::NotConnected("the connection was closed".to_owned()));
        };
        match self.limited(connection.link(entity)).await {
            Err(error) if error.is_transient() => {
                // Whatever it is: a new connection has a better chance than this one.
                state.connection = None;
                Err(note_failure(state, error))
            }
            other => other,
        }
    }

    /// Makes sure that there is a connection.
    async fn connect(&self, state: &mut State) -> Result<(), SendError> {
        if state.connection.as_ref().is_some_and(Connection::is_alive) {
            return Ok(());
        }
        state.connection = None;
        match self.limited(Connection::open(&self.inner.connection_string)).await {
            Ok(connection) => {
                if state.failures > 0 {
                    tracing::info!(attempts = state.failures + 1, "connected to Service Bus again");
                }
                *state = State {
                    connection: Some(connection),
                    ..State::default()
                };
                Ok(())
            }
            Err(error) => Err(note_failure(state, error)),
        }
    }

    /// Every step of connecting has a limit.
    async fn limited<T>(&self, step: impl Future<Output = Result<T, SendError>>) -> Result<T, SendError> {
        timeout(self.inner.options.connect_timeout, step)
            .await
            .unwrap_or_else(|_| Err(SendError::NotConnected("it did not answer in time".to_owned())))
    }

    /// Puts messages on the link. Returns what each message may expect, and whether the link broke.
    async fn put(
        &self,
        link: &Arc<Link>,
        entity: &str,
        messages: &[OutgoingMessage],
    ) -> (Vec<Result<Answer, SendError>>, bool) {
        let patience = self.inner.options.send_timeout;
        let mut answers = Vec::with_capacity(messages.len());
        let mut failure = None;
        let mut end = link.connection_end();
        let Ok(mut sender) = timeout(patience, link.sender.lock()).await else {
            return (messages.iter().map(|_| Err(SendError::TimedOut)).collect(), true);
        };
        for message in messages {
            if let Some(failure) = &failure {
                answers.push(Err(SendError::clone(failure)));
                continue;
            }
            let answer = tokio::select! {
                biased;
                put = sender.send_batchable(message.to_amqp()) => put.map_err(|error| link_error(error, entity)),
                () = end.wait() => Err(SendError::Unanswered("the connection ended".to_owned())),
                () = sleep(patience) => Err(SendError::TimedOut),
            };
            if let Err(error) = &answer
                && error.is_transient()
            {
                // The rest was not even tried.
                failure = Some(SendError::NotConnected(error.to_string()));
            }
            answers.push(answer);
        }
        (answers, failure.is_some())
    }

    /// The next send gets a new link, and a new connection if this one has ended.
    async fn forget(&self, entity: &str, link: &Arc<Link>) {
        let mut state = self.inner.state.lock().await;
        if let Some(connection) = &mut state.connection {
            connection.forget(entity, link);
        }
    }
}

/// Waits for the answer to a message: for so long, and not beyond the end of the connection.
async fn outcome(answer: Answer, entity: &str, patience: Duration, end: &mut ConnectionEnd) -> Result<(), SendError> {
    tokio::select! {
        biased;
        answer = answer => match answer {
            Err(error) => Err(link_error(error, entity)),
            Ok(Outcome::Accepted(_)) => Ok(()),
            Ok(Outcome::Rejected(rejected)) => Err(SendError::from_service(rejected.error.as_ref(), entity)),
            // Released or modified: neither stored nor refused.
            Ok(_) => Err(SendError::Busy("it gave the message back".to_owned())),
        },
        () = end.wait() => Err(SendError::Unanswered("the connection ended".to_owned())),
        () = sleep(patience) => Err(SendError::TimedOut),
    }
}

/// Remembers that an attempt failed, and when the next may be.
fn note_failure(state: &mut State, error: SendError) -> SendError {
    state.failures = state.failures.saturating_add(1);
    let pause = backoff::pause(state.failures);
    tracing::warn!(%error, failures = state.failures, ?pause, "no connection to Service Bus");
    state.not_before = Some(Instant::now() + pause);
    state.last_error = Some(error.clone());
    error
}

/// What went wrong with a link while a message was on it.
fn link_error(error: LinkSendError, entity: &str) -> SendError {
    use fe2o3_amqp::link::{DetachError, LinkStateError};
    match error {
        LinkSendError::MessageSizeExceeded(size) => SendError::TooLarge(size.to_string()),
        LinkSendError::MessageEncodeError => SendError::Rejected("it cannot be encoded".to_owned()),
        LinkSendError::LinkStateError(
            LinkStateError::RemoteClosedWithError(error) | LinkStateError::RemoteDetachedWithError(error),
        )
        | LinkSendError::Detached(
            DetachError::RemoteClosedWithError(error) | DetachError::RemoteDetachedWithError(error),
        ) => match SendError::from_service(Some(&error), entity) {
            // The link is gone because of one message, and it need not be this one.
            SendError::TooLarge(reason) | SendError::Rejected(reason) | SendError::Busy(reason) => {
                SendError::Unanswered(reason)
            }
            other => other,
        },
        other => SendError::Unanswered(other.to_string()),
    }
}
