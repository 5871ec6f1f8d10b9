//! The broker, as receivers outside of the host see it: sessions that are held, receiving with limits, looking ahead.

use std::sync::{Arc, mpsc};

use time::OffsetDateTime;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::broker::Broker;
use super::directory::Kind;
use super::engine::{Command, QueueKey, RuleChange, SessionKey, Settlement, Want, Wanted};
use super::error::BrokerError;
use super::message::{Delivery, MessageState, PeekedMessage, SessionLock};
use super::rules::Rule;

/// The most bytes of bodies that one look ahead shows, unless one message alone has more.
const PEEKED_BYTES_MAX: usize = 1024 * 1024;
/// The most messages that one look ahead shows, as in Azure.
const PEEKED_MESSAGES_MAX: usize = 250;

impl Broker {
    /// Waits for what a receiver wants. When the future is dropped no message stays locked and no delivery is counted.
    pub(super) async fn receive_wanted(&self, entity: &str, want: Want) -> Result<Vec<Delivery>, BrokerError> {
        let queue = self.receivable(entity)?;
        let (answer, receiver) = oneshot::channel();
        let mut pending = Pending {
            receiver,
            commands: self.commands.clone(),
            give_back: move |messages: Vec<Delivery>| Command::Settle {
                queue,
                tokens: messages.iter().map(|message| message.lock_token).collect(),
                settlement: Settlement::Return,
                answer: None,
            },
        };
        self.command(Command::Receive { queue, want, answer })?;
        (&mut pending.receiver).await.unwrap_or(Err(BrokerError::Stopped))
    }

    /// Whether messages of an entity come in sessions; or why none can be received from it.
    pub(super) fn comes_in_sessions(&self, entity: &str) -> Result<bool, BrokerError> {
        let dead_letter = self.receivable(entity)?.dead_letter;
        let (info, _) = self.directory.find(entity)?;
        Ok(info.options.requires_session && !dead_letter)
    }

    /// Puts a settlement in line without waiting: calls keep their order. The answer comes when it is durable.
    pub(super) fn begin_settle(
        &self,
        entity: &str,
        tokens: Vec<Uuid>,
        settlement: Settlement,
    ) -> Result<oneshot::Receiver<Result<(), BrokerError>>, BrokerError> {
        let queue = self.receivable(entity)?;
        let refused = match settlement {
            Settlement::DeadLetter { .. } => "A dead-letter queue has no dead-letter queue.",
            Settlement::Defer { .. } => "Messages of a dead-letter queue cannot be deferred here.",
            _ => "",
        };
        if queue.dead_letter && !refused.is_empty() {
            return Err(BrokerError::Invalid(refused.to_owned()));
        }
        let (answer, receiver) = oneshot::channel();
        self.command(Command::Settle {
            queue,
            tokens,
            settlement,
            answer: Some(answer),
        })?;
        Ok(receiver)
    }

    /// [`Broker::receive_deferred`], of a session that the receiver holds where there are sessions.
    pub(super) async fn receive_deferred_of(
        &self,
        entity: &str,
        sequence_numbers: &[i64],
        session: Option<SessionKey>,
    ) -> Result<Vec<Delivery>, BrokerError> {
        let queue = self.receivable(entity)?;
        let sequences = sequence_numbers.to_vec();
        self.ask(|answer| Command::ReceiveDeferred {
            queue,
            sequences,
            session,
            answer,
        })
        .await
    }

    /// Holds a session for its lock duration: a named one, which may have no messages yet, or the next that has some,
    /// which is waited for. When the future is dropped nothing stays held.
    pub(super) async fn accept_session(&self, entity: &str, id: Option<String>) -> Result<SessionLock, BrokerError> {
        let queue = self.receivable(entity)?;
        let (answer, receiver) = oneshot::channel();
        let mut pending = Pending {
            receiver,
            commands: self.commands.clone(),
            give_back: move |lock: SessionLock| Command::ReleaseSession {
                queue,
                session: lock.into(),
            },
        };
        self.command(Command::AcceptSession { queue, id, answer })?;
        (&mut pending.receiver).await.unwrap_or(Err(BrokerError::Stopped))
    }

    /// Holds a session for another lock duration from now: until when.
    pub(super) async fn renew_session(&self, entity: &str, session: SessionKey) -> Result<OffsetDateTime, BrokerError> {
        let queue = self.receivable(entity)?;
        self.ask(|answer| Command::RenewSession { queue, session, answer })
            .await
    }

    /// Ends the hold on a session. Messages of it that are not settled are available again.
    pub(super) fn release_session(&self, entity: &str, session: SessionKey) {
        if let Ok(queue) = self.receivable(entity) {
            // If the engine has gone, so have the holds.
            let _ = self.command(Command::ReleaseSession { queue, session });
        }
    }

    /// What receivers have kept with a session that is held.
    pub(super) async fn session_state(
        &self,
        entity: &str,
        session: SessionKey,
    ) -> Result<Option<Vec<u8>>, BrokerError> {
        let queue = self.receivable(entity)?;
        self.ask(|answer| Command::SessionState { queue, session, answer })
            .await
    }

    /// Keeps something with a session that is held; it outlives the session's messages. `None`: nothing any more.
    pub(super) async fn set_session_state(
        &self,
        entity: &str,
        session: SessionKey,
        state: Option<Vec<u8>>,
    ) -> Result<(), BrokerError> {
        let queue = self.receivable(entity)?;
        let (info, _) = self.directory.find(entity)?;
        let (bytes, limit) = (state.as_ref().map_or(0, Vec::len), info.options.max_message_bytes);
        if bytes > limit {
            let entity = entity.to_owned();
            return Err(BrokerError::TooLarge { entity, bytes, limit });
        }
        self.ask(|answer| Command::SetSessionState {
            queue,
            session,
            state,
            answer,
        })
        .await
    }

    /// The sessions that have messages, by name.
    pub(super) async fn sessions(&self, entity: &str) -> Result<Vec<Arc<str>>, BrokerError> {
        let queue = self.receivable(entity)?;
        self.ask(|answer| Command::Sessions { queue, answer }).await
    }

    /// Shows messages in whatever state without touching them, from a sequence number on.
    pub(super) async fn browse(
        &self,
        entity: &str,
        from: i64,
        count: usize,
        session: Option<String>,
    ) -> Result<Vec<(MessageState, PeekedMessage)>, BrokerError> {
        let queue = self.receivable(entity)?;
        let wanted = Wanted {
            from,
            skip: 0,
            count: count.min(PEEKED_MESSAGES_MAX),
            body_bytes_max: PEEKED_BYTES_MAX,
        };
        self.ask(|answer| Command::Browse {
            queue,
            wanted,
            session,
            answer,
        })
        .await
    }

    /// The rules of a subscription.
    pub(super) fn rules(&self, entity: &str) -> Result<Vec<Rule>, BrokerError> {
        self.subscription(entity)?;
        let (info, _) = self.directory.find(entity)?;
        Ok(info.options.effective_rules())
    }

    /// Adds a rule to a subscription or takes one away. For a subscription of the configuration file that counts until
    /// the next start.
    pub(super) async fn change_rules(&self, entity: &str, change: RuleChange) -> Result<(), BrokerError> {
        let entity = self.subscription(entity)?.entity;
        self.ask(|answer| Command::ChangeRules { entity, change, answer }).await
    }

    fn subscription(&self, entity: &str) -> Result<QueueKey, BrokerError> {
        match self.directory.find(entity)? {
            (info, false) if matches!(info.kind, Kind::Subscription(_)) => Ok(QueueKey {
                entity: info.id,
                dead_letter: false,
            }),
            _ => Err(BrokerError::Invalid(format!(
                "'{entity}' is no subscription: it has no rules."
            ))),
        }
    }
}

/// Sees to it that what arrives after its receiver has given up is given back.
struct Pending<T, F: Fn(T) -> Command> {
    receiver: oneshot::Receiver<Result<T, BrokerError>>,
    commands: mpsc::Sender<Command>,
    give_back: F,
}

impl<T, F: Fn(T) -> Command> Drop for Pending<T, F> {
    fn drop(&mut self) {
        // From here on the engine sees that nobody waits; what it sent before is still in the channel.
        self.receiver.close();
        if let Ok(Ok(unused)) = self.receiver.try_recv() {
            // If the engine has gone, so have the locks.
            let _ = self.commands.send((self.give_back)(unused));
        }
    }
}
