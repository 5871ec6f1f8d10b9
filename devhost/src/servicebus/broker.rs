//! The broker, as the rest of the program sees it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use serde_json::Map;
use time::OffsetDateTime;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::directory::{Directory, EntityInfo, Kind};
use super::engine::{Answer, Command, Engine, Existing, QueueKey, Settlement, Want, Wanted};
use super::entities::Entities;
use super::error::BrokerError;
use super::message::{BrokerMessage, Delivery, Envelope, MessageState, Peeked};
use super::options::{EntityCounts, QueueOptions};
use super::path;
use super::storage::Storage;

/// The longest message id and session id, in characters, as in Azure.
const ID_CHARS_MAX: usize = 128;
/// The most bytes of properties, those of the system and the sender's own, as in Azure.
pub(super) const PROPERTIES_BYTES_MAX: usize = 64 * 1024;

/// A durable Service Bus in one SQLite file.
///
/// What [`Broker::send`], [`Broker::complete`] and the others acknowledge is on disk. Receivers lock messages; locks
/// live in memory, so after a restart every message that was not completed is available again. Names do not differ by
/// case. Clones share one broker; its thread ends when the last of them is dropped.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) directory: Arc<Directory>,
}

impl Broker {
    /// Opens or creates the file, and the entities that the configuration names. Their options are taken from the
    /// configuration each time; entities that it does not name stay as they are.
    ///
    /// A file serves one broker at a time.
    pub fn open(path: &Path, entities: Entities) -> Result<Self, BrokerError> {
        let directory = Arc::new(Directory::default());
        let (commands, receiver) = mpsc::channel();
        let engine = Engine::new(Storage::open(path)?, Arc::clone(&directory))?;
        std::thread::Builder::new()
            .name("servicebus".to_owned())
            .spawn(move || engine.run(&receiver))
            .map_err(|error| BrokerError::Storage(error.to_string()))?;
        let broker = Self { commands, directory };
        for (name, options) in entities.queues {
            broker.ensure(&name, None, false, options, Existing::Update)?;
        }
        for topic in entities.topics {
            broker.ensure(&topic.name, None, true, topic.options, Existing::Update)?;
            for (name, options) in topic.subscriptions {
                broker.ensure(&name, Some(&topic.name), false, options, Existing::Update)?;
            }
        }
        Ok(broker)
    }

    /// Makes a queue; one that exists is kept as it is. Waits for the disk.
    pub fn ensure_queue(&self, name: &str, options: QueueOptions) -> Result<(), BrokerError> {
        self.ensure(name, None, false, options, Existing::Keep)
    }

    /// Makes a topic; one that exists is kept as it is. Waits for the disk.
    pub fn ensure_topic(&self, name: &str, options: QueueOptions) -> Result<(), BrokerError> {
        self.ensure(name, None, true, options, Existing::Keep)
    }

    /// Makes a subscription, and its topic where there is none; what exists is kept as it is. Waits for the disk.
    pub fn ensure_subscription(
        &self,
        topic: &str,
        subscription: &str,
        options: QueueOptions,
    ) -> Result<(), BrokerError> {
        self.ensure_topic(topic, QueueOptions::default())?;
        self.ensure(subscription, Some(topic), false, options, Existing::Keep)
    }

    fn ensure(
        &self,
        name: &str,
        topic: Option<&str>,
        is_topic: bool,
        options: QueueOptions,
        existing: Existing,
    ) -> Result<(), BrokerError> {
        let valid = match topic {
            Some(_) => path::is_subscription_name(name),
            None => path::is_entity_name(name),
        };
        if !valid {
            return Err(BrokerError::Invalid(format!(
                "'{name}' cannot be the name of an entity."
            )));
        }
        let (answer, receiver) = mpsc::channel();
        let (name, topic) = (name.to_owned(), topic.map(ToOwned::to_owned));
        self.command(Command::Ensure {
            name,
            topic,
            is_topic,
            options,
            existing,
            answer,
        })?;
        receiver.recv().unwrap_or(Err(BrokerError::Stopped))
    }

    /// Sends messages to a queue or topic: all of them or, on any error, none. They are durable when this returns.
    ///
    /// The answer has a sequence number for each message; for a duplicate that of the message it repeats.
    pub async fn send(&self, entity: &str, messages: Vec<BrokerMessage>) -> Result<Vec<i64>, BrokerError> {
        self.begin_send(entity, messages)?
            .await
            .unwrap_or(Err(BrokerError::Stopped))
    }

    /// Puts messages in line without waiting: calls keep their order. The answer comes when they are durable.
    pub(super) fn begin_send(
        &self,
        entity: &str,
        messages: Vec<BrokerMessage>,
    ) -> Result<oneshot::Receiver<Result<Vec<i64>, BrokerError>>, BrokerError> {
        let info = self.sendable(entity)?;
        let envelopes = messages
            .into_iter()
            .map(|message| envelope(&info, message))
            .collect::<Result<_, _>>()?;
        let (answer, receiver) = oneshot::channel();
        self.command(Command::Send {
            entity: info.id,
            envelopes,
            answer,
        })?;
        Ok(receiver)
    }

    /// Takes scheduled messages back: all of them or, if one is not there (any more), none.
    pub async fn cancel_scheduled(&self, entity: &str, sequence_numbers: &[i64]) -> Result<(), BrokerError> {
        let info = self.sendable(entity)?;
        let sequences = sequence_numbers.to_vec();
        self.ask(|answer| Command::CancelScheduled {
            entity: info.id,
            sequences,
            answer,
        })
        .await
    }

    /// Waits for at least one message and locks up to `max`, in the order they were sent.
    ///
    /// The entity is a queue, `topic/Subscriptions/name`, or either with `/$deadletterqueue`. When the future is
    /// dropped no message stays locked and no delivery is counted.
    pub async fn receive(&self, entity: &str, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        let want = Want {
            max: max.max(1),
            bytes_max: usize::MAX,
            wait: true,
            session: None,
        };
        self.receive_wanted(entity, want).await
    }

    /// Whether messages can be received from an entity in the way that a receiver wants to: with sessions or without.
    pub fn check_receiver(&self, entity: &str, sessions: bool) -> Result<(), BrokerError> {
        let dead_letter = self.receivable(entity)?.dead_letter;
        let (info, _) = self.directory.find(entity)?;
        let reason = match (info.options.requires_session && !dead_letter, sessions) {
            (true, true) | (false, false) => return Ok(()),
            (true, false) => "requires sessions: its trigger needs \"isSessionsEnabled\": true",
            (false, true) if dead_letter => {
                "is a dead-letter queue, which has no sessions: \"isSessionsEnabled\" is too much"
            }
            (false, true) => {
                "has no sessions, but its trigger says \"isSessionsEnabled\": true. Declare it in servicebus.json with \
                 \"RequiresSession\": true"
            }
        };
        Err(BrokerError::Invalid(format!("'{entity}' {reason}.")))
    }

    /// Removes locked messages for good.
    ///
    /// With [`BrokerError::LockLost`] those whose locks still held are removed all the same.
    pub async fn complete(&self, entity: &str, tokens: &[Uuid]) -> Result<(), BrokerError> {
        self.settle(entity, tokens, Settlement::Complete).await
    }

    /// Gives locked messages back, to be delivered again at once; after the queue's maximum of deliveries they go to
    /// its dead-letter queue. The messages of a dead-letter queue may be given back for ever.
    pub async fn abandon(&self, entity: &str, tokens: &[Uuid]) -> Result<(), BrokerError> {
        let changes = Map::new();
        self.settle(entity, tokens, Settlement::Abandon { changes }).await
    }

    /// Holds locked messages for another lock duration from now: until when.
    ///
    /// With [`BrokerError::LockLost`] the other locks are prolonged all the same.
    pub async fn renew(&self, entity: &str, tokens: &[Uuid]) -> Result<OffsetDateTime, BrokerError> {
        let queue = self.receivable(entity)?;
        let tokens = tokens.to_vec();
        self.ask(|answer| Command::Renew { queue, tokens, answer }).await
    }

    /// Moves locked messages to the dead-letter queue.
    pub async fn dead_letter(
        &self,
        entity: &str,
        tokens: &[Uuid],
        reason: &str,
        description: &str,
    ) -> Result<(), BrokerError> {
        let settlement = Settlement::DeadLetter {
            reason: reason.to_owned(),
            description: description.to_owned(),
            changes: Map::new(),
        };
        self.settle(entity, tokens, settlement).await
    }

    /// Puts locked messages aside: whoever wants them later must know their sequence numbers.
    pub async fn defer(&self, entity: &str, tokens: &[Uuid]) -> Result<(), BrokerError> {
        let changes = Map::new();
        self.settle(entity, tokens, Settlement::Defer { changes }).await
    }

    /// Locks messages that were put aside: all of them or, if one is not there, none.
    pub async fn receive_deferred(&self, entity: &str, sequence_numbers: &[i64]) -> Result<Vec<Delivery>, BrokerError> {
        self.receive_deferred_of(entity, sequence_numbers, None).await
    }

    /// Shows messages without touching them, in the order of their sequence numbers; scheduled ones in the order of their
    /// times. Of bodies at most `body_bytes_max` bytes.
    pub async fn peek(
        &self,
        entity: &str,
        state: MessageState,
        skip: usize,
        count: usize,
        body_bytes_max: usize,
    ) -> Result<Peeked, BrokerError> {
        let (entity, state) = self.inspectable(entity, state)?;
        let wanted = Wanted {
            from: 0,
            skip,
            count,
            body_bytes_max,
        };
        self.ask(|answer| Command::Peek {
            entity,
            state,
            wanted,
            answer,
        })
        .await
    }

    /// Deletes messages that no receiver holds; how many they were. What comes meanwhile stays.
    pub async fn purge(&self, entity: &str, state: MessageState) -> Result<usize, BrokerError> {
        let (entity, state) = self.inspectable(entity, state)?;
        self.in_chunks(|before, answer| Command::Purge {
            entity,
            state,
            before,
            answer,
        })
        .await
    }

    /// Sends dead letters to their entity again, as if they came for the first time: all of them or, if one is not there,
    /// none. They keep everything but their sequence numbers; the answer has the new ones.
    pub async fn resubmit(&self, entity: &str, sequence_numbers: &[i64]) -> Result<Vec<i64>, BrokerError> {
        let (entity, _) = self.inspectable(entity, MessageState::DeadLettered)?;
        let sequences = sequence_numbers.to_vec();
        self.ask(|answer| Command::Resubmit {
            entity,
            sequences,
            answer,
        })
        .await
    }

    /// [`Broker::resubmit`] for all dead letters that no receiver holds; how many they were.
    pub async fn resubmit_all(&self, entity: &str) -> Result<usize, BrokerError> {
        let (entity, _) = self.inspectable(entity, MessageState::DeadLettered)?;
        self.in_chunks(|before, answer| Command::ResubmitAll { entity, before, answer })
            .await
    }

    /// Repeats a command until it finds no more to do. Each time is a round of its own, so that others are served meanwhile.
    async fn in_chunks(
        &self,
        command: impl Fn(Option<i64>, Answer<(usize, i64)>) -> Command,
    ) -> Result<usize, BrokerError> {
        let (mut total, mut before) = (0, None);
        loop {
            let (done, end) = self.ask(|answer| command(before, answer)).await?;
            if done == 0 {
                return Ok(total);
            }
            total += done;
            before = Some(end);
        }
    }

    /// The entity whose messages are meant; a path to a dead-letter queue means its dead letters.
    fn inspectable(&self, entity: &str, state: MessageState) -> Result<(i64, MessageState), BrokerError> {
        match self.directory.find(entity)? {
            (info, _) if info.kind == Kind::Topic && state != MessageState::Scheduled => Err(BrokerError::Invalid(
                format!("'{entity}' is a topic: its messages are in its subscriptions."),
            )),
            (info, false) => Ok((info.id, state)),
            (info, true) => match state {
                MessageState::Active | MessageState::DeadLettered => Ok((info.id, MessageState::DeadLettered)),
                MessageState::Scheduled | MessageState::Deferred => Err(BrokerError::Invalid(format!(
                    "'{entity}' is a dead-letter queue: it has no scheduled or deferred messages."
                ))),
            },
        }
    }

    /// How many messages an entity holds.
    pub fn counts(&self, entity: &str) -> Result<EntityCounts, BrokerError> {
        self.directory.find(entity).map(|(info, _)| info.counts.read())
    }

    /// The names of all queues, topics and subscriptions (`topic/Subscriptions/name`), sorted.
    pub fn entities(&self) -> Vec<String> {
        self.directory.all().iter().map(|info| info.name.clone()).collect()
    }

    /// The options of an entity that messages can be sent to, or why they cannot.
    pub(super) fn send_options(&self, entity: &str) -> Result<QueueOptions, BrokerError> {
        self.sendable(entity).map(|info| info.options.clone())
    }

    fn sendable(&self, entity: &str) -> Result<Arc<EntityInfo>, BrokerError> {
        match self.directory.find(entity)? {
            (_, true) => Err(BrokerError::Invalid(format!(
                "'{entity}' is a dead-letter queue: it takes no messages."
            ))),
            (info, false) if matches!(info.kind, Kind::Subscription(_)) => Err(BrokerError::Invalid(format!(
                "'{entity}' is a subscription: send to its topic."
            ))),
            (info, false) => Ok(info),
        }
    }

    pub(super) fn receivable(&self, entity: &str) -> Result<QueueKey, BrokerError> {
        match self.directory.find(entity)? {
            (info, _) if info.kind == Kind::Topic => Err(BrokerError::Invalid(format!(
                "'{entity}' is a topic: receive from a subscription."
            ))),
            (info, false) if info.options.forward_to.is_some() => Err(BrokerError::Invalid(format!(
                "'{entity}' forwards its messages to '{}': receive them there.",
                info.options.forward_to.as_deref().unwrap_or_default()
            ))),
            (info, dead_letter) => Ok(QueueKey {
                entity: info.id,
                dead_letter,
            }),
        }
    }

    async fn settle(&self, entity: &str, tokens: &[Uuid], settlement: Settlement) -> Result<(), BrokerError> {
        if tokens.is_empty() {
            return Ok(());
        }
        self.begin_settle(entity, tokens.to_vec(), settlement)?
            .await
            .unwrap_or(Err(BrokerError::Stopped))
    }

    pub(super) async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, BrokerError> {
        let (answer, receiver) = oneshot::channel();
        self.command(command(answer))?;
        receiver.await.unwrap_or(Err(BrokerError::Stopped))
    }

    pub(super) fn command(&self, command: Command) -> Result<(), BrokerError> {
        self.commands.send(command).map_err(|_| BrokerError::Stopped)
    }
}

/// Checks a message and makes it ready for storing.
fn envelope(info: &EntityInfo, message: BrokerMessage) -> Result<Envelope, BrokerError> {
    for (what, id) in [
        ("message", Some(&message.message_id)),
        ("session", message.session_id.as_ref()),
    ] {
        if id.is_some_and(|id| id.chars().count() > ID_CHARS_MAX) {
            return Err(BrokerError::Invalid(format!(
                "A {what} id has at most {ID_CHARS_MAX} characters."
            )));
        }
    }
    if info.options.requires_session && message.session_id.is_none() {
        return Err(BrokerError::Invalid(format!(
            "'{}' requires sessions: a message without a session id cannot be sent to it.",
            info.name
        )));
    }
    let envelope = Envelope::from(message);
    if envelope.properties.len() > PROPERTIES_BYTES_MAX {
        return Err(BrokerError::Invalid(format!(
            "The properties of a message have at most {PROPERTIES_BYTES_MAX} bytes; these have {}.",
            envelope.properties.len()
        )));
    }
    let (bytes, limit) = (envelope.size(), info.options.max_message_bytes);
    if bytes > limit {
        return Err(BrokerError::TooLarge {
            entity: info.name.clone(),
            bytes,
            limit,
        });
    }
    Ok(envelope)
}
