//! The one thread that owns the broker's state.
//!
//! It works in rounds: take every command that waits, apply them, apply what the clock has made due, commit once, hand
//! out messages, answer. So a thousand sends and completions share one `fsync`, nothing is answered before it is
//! durable, and nothing has to be locked. When a round fails, all of it is undone, its commands are answered with the
//! error, and the state is read from the file again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::directory::{Directory, EntityInfo, Kind, PublishedCounts};
use super::error::BrokerError;
use super::message::{Delivery, Envelope, from_micros, later, never, to_micros};
use super::options::{EntityCounts, QueueOptions};
use super::path;
use super::queue::{Entry, Queue};
use super::storage::{IndexRow, State, Storage};

/// A round takes no more commands once it has so many messages: the first of them should not wait long.
const ROUND_MESSAGES_MAX: usize = 4_096;
/// A round applies no more than so many time-outs; the next round goes on.
const ROUND_EVENTS_MAX: usize = 4_096;

/// A queue or its dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct QueueKey {
    pub(super) entity: i64,
    pub(super) dead_letter: bool,
}

/// What to do with locked messages.
#[derive(Debug)]
pub(super) enum Settlement {
    Complete,
    Abandon,
    DeadLetter {
        reason: String,
        description: String,
    },
    Renew,
    /// The receiver went away before it got the messages: as if they had never been delivered.
    Return,
}

/// What to do about an entity that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Keep,
    Update,
}

/// How a command is answered.
pub(super) type Answer<T> = oneshot::Sender<Result<T, BrokerError>>;

/// What the engine is asked to do.
pub(super) enum Command {
    Ensure {
        /// Of a subscription without its topic's.
        name: String,
        /// The topic's name, for a subscription.
        topic: Option<String>,
        is_topic: bool,
        options: QueueOptions,
        existing: Existing,
        /// Not a future: entities are also made outside of asynchronous code.
        answer: std::sync::mpsc::Sender<Result<(), BrokerError>>,
    },
    Send {
        entity: i64,
        envelopes: Vec<Envelope>,
        answer: Answer<Vec<i64>>,
    },
    CancelScheduled {
        entity: i64,
        sequences: Vec<i64>,
        answer: Answer<()>,
    },
    Receive {
        queue: QueueKey,
        max: usize,
        answer: Answer<Vec<Delivery>>,
    },
    Settle {
        queue: QueueKey,
        tokens: Vec<Uuid>,
        settlement: Settlement,
        answer: Option<Answer<()>>,
    },
}

impl Command {
    /// How much of a round this takes.
    fn weight(&self) -> usize {
        match self {
            Self::Send { envelopes, .. } => envelopes.len(),
            Self::Settle { tokens, .. } => tokens.len(),
            _ => 1,
        }
    }
}

/// A receiver that waits for messages.
struct Waiter {
    max: usize,
    answer: Answer<Vec<Delivery>>,
}

/// An entity with its messages.
struct Entity {
    info: Arc<EntityInfo>,
    /// Of a topic: who gets the copies.
    subscriptions: Vec<i64>,
    active: Queue,
    dead: Queue,
    /// Time and sequence number.
    scheduled: BTreeSet<(i64, i64)>,
}

impl Entity {
    fn new(info: Arc<EntityInfo>) -> Self {
        Self {
            info,
            subscriptions: Vec::new(),
            active: Queue::default(),
            dead: Queue::default(),
            scheduled: BTreeSet::new(),
        }
    }

    fn queue(&mut self, dead_letter: bool) -> &mut Queue {
        if dead_letter { &mut self.dead } else { &mut self.active }
    }

    fn counts(&self) -> EntityCounts {
        EntityCounts {
            active: self.active.len() as u64,
            scheduled: self.scheduled.len() as u64,
            dead_lettered: self.dead.len() as u64,
        }
    }

    fn next_event(&self) -> Option<i64> {
        let scheduled = self.scheduled.first().map(|(at, _)| *at);
        [self.active.next_event(), self.dead.next_event(), scheduled]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a message that becomes available at `enqueued_at` expires.
    fn expires_at(&self, enqueued_at: i64, time_to_live: Option<Duration>) -> Option<i64> {
        let time_to_live = [time_to_live, self.info.options.default_time_to_live]
            .into_iter()
            .flatten()
            .min()?;
        Some(later(enqueued_at, time_to_live))
    }
}

/// What a command is answered with once the round is durable, or has failed.
type Reply = Box<dyn FnOnce(Result<(), &BrokerError>) + Send>;

pub(super) struct Engine {
    storage: Storage,
    directory: Arc<Directory>,
    entities: HashMap<i64, Entity>,
    /// Apart from the entities, so that they outlive a reload.
    waiters: HashMap<QueueKey, VecDeque<Waiter>>,
    replies: Vec<Reply>,
}

impl Engine {
    pub(super) fn new(storage: Storage, directory: Arc<Directory>) -> Result<Self, BrokerError> {
        let mut engine = Self {
            storage,
            directory,
            entities: HashMap::new(),
            waiters: HashMap::new(),
            replies: Vec::new(),
        };
        engine.load()?;
        Ok(engine)
    }

    /// Works until nobody can send commands any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let first = match self.next_event() {
                None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => {
                    let wait = at.saturating_sub(now()).max(0);
                    commands.recv_timeout(Duration::from_micros(wait as u64))
                }
            };
            let mut round = Vec::new();
            match first {
                Ok(command) => round.push(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let mut weight = round.iter().map(Command::weight).sum::<usize>();
            while weight < ROUND_MESSAGES_MAX
                && let Ok(command) = commands.try_recv()
            {
                weight += command.weight();
                round.push(command);
            }
            self.round(round);
        }
    }

    fn round(&mut self, commands: Vec<Command>) {
        let mut done = Ok(());
        for command in commands {
            // After a failure the rest is still taken in, so that it is answered.
            let applied = self.apply(command, done.is_ok());
            done = done.and(applied);
        }
        let done = done
            .and_then(|()| self.apply_clock())
            .and_then(|()| self.storage.commit());
        let done = done.map_err(BrokerError::from);
        if let Err(error) = &done {
            tracing::error!(%error, "a round of the broker failed and was undone");
            self.undo();
        }
        let deliveries = self.deliver();
        self.publish_counts();
        for reply in self.replies.drain(..) {
            reply(done.as_ref().copied());
        }
        for (waiter, delivered) in deliveries {
            self.hand_over(waiter, delivered);
        }
    }

    /// Reads the state from the file.
    fn load(&mut self) -> Result<(), BrokerError> {
        self.entities.clear();
        self.directory.clear();
        for info in self.storage.entities()? {
            self.put_entity(info);
        }
        let entities = &mut self.entities;
        self.storage.index(|row| {
            let Some(entity) = entities.get_mut(&row.entity) else {
                return;
            };
            let entry = Entry {
                sequence: row.sequence,
                delivery_count: row.delivery_count,
                expires_at: row.expires_at,
            };
            match row.state {
                State::Ready => entity.active.add(entry),
                State::Dead => entity.dead.add(entry),
                State::Scheduled => {
                    entity.scheduled.insert((row.enqueued_at, row.sequence));
                }
            }
        })?;
        self.publish_counts();
        Ok(())
    }

    fn undo(&mut self) {
        let undone = self
            .storage
            .rollback()
            .map_err(BrokerError::from)
            .and_then(|()| self.load());
        if let Err(error) = undone {
            // The directory is empty now, so everything is answered with "not found" until a later round can read.
            tracing::error!(%error, "the broker cannot read its file");
        }
    }

    fn put_entity(&mut self, info: EntityInfo) {
        let info = Arc::new(info);
        if let Kind::Subscription(topic) = info.kind
            && let Some(topic) = self.entities.get_mut(&topic)
            && !topic.subscriptions.contains(&info.id)
        {
            topic.subscriptions.push(info.id);
        }
        self.directory.put(Arc::clone(&info));
        match self.entities.get_mut(&info.id) {
            Some(entity) => entity.info = info,
            None => {
                self.entities.insert(info.id, Entity::new(info));
            }
        }
    }

    /// Applies one command to the state and to the open transaction. Only failures of the file are errors here; they
    /// fail the round. With `!healthy` the command is only noted for its answer.
    fn apply(&mut self, command: Command, healthy: bool) -> rusqlite::Result<()> {
        match command {
            Command::Ensure {
                name,
                topic,
                is_topic,
                options,
                existing,
                answer,
            } => {
                let result = if healthy {
                    self.ensure(&name, topic.as_deref(), is_topic, options, existing)
                } else {
                    Ok(Ok(()))
                };
                let (result, failure) = split(result);
                self.replies.push(Box::new(move |round| {
                    let _ = answer.send(conclude(round, result));
                }));
                failure
            }
            Command::Send {
                entity,
                envelopes,
                answer,
            } => {
                let result = if healthy {
                    self.send(entity, envelopes)
                } else {
                    Ok(Ok(Vec::new()))
                };
                self.reply(answer, result)
            }
            Command::CancelScheduled {
                entity,
                sequences,
                answer,
            } => {
                let result = if healthy {
                    self.cancel_scheduled(entity, &sequences)
                } else {
                    Ok(Ok(()))
                };
                self.reply(answer, result)
            }
            Command::Receive { queue, max, answer } => {
                let waiters = self.waiters.entry(queue).or_default();
                // Receivers that gave up while nothing came must not pile up.
                waiters.retain(|waiter| !waiter.answer.is_closed());
                waiters.push_back(Waiter { max, answer });
                Ok(())
            }
            Command::Settle {
                queue,
                tokens,
                settlement,
                answer,
            } => {
                let result = if healthy {
                    self.settle(queue, &tokens, &settlement)
                } else {
                    Ok(Ok(()))
                };
                match answer {
                    Some(answer) => self.reply(answer, result),
                    None => split(result).1,
                }
            }
        }
    }

    fn reply<T: Send + 'static>(
        &mut self,
        answer: Answer<T>,
        result: rusqlite::Result<Result<T, BrokerError>>,
    ) -> rusqlite::Result<()> {
        let (result, failure) = split(result);
        self.replies.push(Box::new(move |round| {
            // Whoever asked may have gone; what was done is done.
            let _ = answer.send(conclude(round, result));
        }));
        failure
    }

    fn ensure(
        &mut self,
        name: &str,
        topic: Option<&str>,
        is_topic: bool,
        options: QueueOptions,
        existing: Existing,
    ) -> rusqlite::Result<Result<(), BrokerError>> {
        let mut name = name.to_owned();
        let kind = match topic {
            Some(topic) => match self.directory.find(topic) {
                Ok((topic, false)) => {
                    name = path::subscription(&topic.name, &name);
                    Kind::Subscription(topic.id)
                }
                _ => return Ok(Err(BrokerError::NotFound(topic.to_owned()))),
            },
            None if is_topic => Kind::Topic,
            None => Kind::Queue,
        };
        if let Ok((found, _)) = self.directory.find(&name) {
            if found.kind != kind {
                return Ok(Err(BrokerError::Invalid(format!(
                    "'{name}' exists already and is something else."
                ))));
            }
            if existing == Existing::Keep || found.options == options {
                return Ok(Ok(()));
            }
            name.clone_from(&found.name);
        }
        let id = self.storage.save_entity(&name, kind, &options)?;
        self.put_entity(EntityInfo {
            id,
            name,
            kind,
            options,
            counts: PublishedCounts::default(),
        });
        Ok(Ok(()))
    }

    fn send(&mut self, id: i64, envelopes: Vec<Envelope>) -> rusqlite::Result<Result<Vec<i64>, BrokerError>> {
        let Some(entity) = self.entities.get(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let now = now();
        let info = Arc::clone(&entity.info);
        let mut sequences = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let sequence = self.storage.allocate();
            if info.options.requires_duplicate_detection {
                let until = later(now, info.options.duplicate_detection_history);
                let first = self.storage.remember(id, &envelope.message_id, sequence, now, until)?;
                if let Some(first) = first {
                    sequences.push(first);
                    continue;
                }
            }
            match envelope.scheduled_at.filter(|at| *at > now) {
                Some(at) => self.schedule(id, sequence, at, &envelope)?,
                None => self.enqueue(id, sequence, now, &envelope)?,
            }
            sequences.push(sequence);
        }
        Ok(Ok(sequences))
    }

    fn schedule(&mut self, id: i64, sequence: i64, at: i64, envelope: &Envelope) -> rusqlite::Result<()> {
        let row = IndexRow {
            sequence,
            entity: id,
            state: State::Scheduled,
            delivery_count: 0,
            enqueued_at: at,
            expires_at: None,
        };
        self.storage.insert(&row, envelope)?;
        if let Some(entity) = self.entities.get_mut(&id) {
            entity.scheduled.insert((at, sequence));
        }
        Ok(())
    }

    /// Makes a message available: in the queue itself, or a copy in each subscription of the topic.
    fn enqueue(&mut self, id: i64, sequence: i64, now: i64, envelope: &Envelope) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get(&id) else {
            return Ok(());
        };
        if entity.info.kind != Kind::Topic {
            return self.append(id, sequence, now, envelope, None);
        }
        let limit = entity.info.options.default_time_to_live;
        for subscription in entity.subscriptions.clone() {
            // The place for rules: a subscription with filters takes the copy only if one of them matches.
            let sequence = self.storage.allocate();
            self.append(subscription, sequence, now, envelope, limit)?;
        }
        Ok(())
    }

    /// `limit`: the time to live that the topic imposes.
    fn append(
        &mut self,
        id: i64,
        sequence: i64,
        now: i64,
        envelope: &Envelope,
        limit: Option<Duration>,
    ) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(());
        };
        let time_to_live = [envelope.time_to_live, limit].into_iter().flatten().min();
        let row = IndexRow {
            sequence,
            entity: id,
            state: State::Ready,
            delivery_count: 0,
            enqueued_at: now,
            expires_at: entity.expires_at(now, time_to_live),
        };
        self.storage.insert(&row, envelope)?;
        entity.active.add(Entry {
            sequence,
            delivery_count: 0,
            expires_at: row.expires_at,
        });
        Ok(())
    }

    fn cancel_scheduled(&mut self, id: i64, sequences: &[i64]) -> rusqlite::Result<Result<(), BrokerError>> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let due: Vec<_> = entity
            .scheduled
            .iter()
            .filter(|(_, n)| sequences.contains(n))
            .copied()
            .collect();
        if due.len() != sequences.len() {
            return Ok(Err(BrokerError::NotFound(format!(
                "a scheduled message of {}",
                entity.info.name
            ))));
        }
        for scheduled in due {
            entity.scheduled.remove(&scheduled);
            self.storage.delete(scheduled.1)?;
        }
        Ok(Ok(()))
    }

    fn settle(
        &mut self,
        key: QueueKey,
        tokens: &[Uuid],
        settlement: &Settlement,
    ) -> rusqlite::Result<Result<(), BrokerError>> {
        let now = now();
        let mut lost = 0;
        for token in tokens {
            let Some(entity) = self.entities.get_mut(&key.entity) else {
                lost += 1;
                continue;
            };
            let lock_until = later(now, entity.info.options.lock_duration);
            let queue = entity.queue(key.dead_letter);
            if let Settlement::Renew = settlement {
                lost += usize::from(!queue.renew(*token, now, lock_until));
                continue;
            }
            let Some(entry) = queue.unlock(*token, now) else {
                lost += 1;
                continue;
            };
            match settlement {
                Settlement::Complete => self.storage.delete(entry.sequence)?,
                Settlement::Abandon => self.give_back(key, entry)?,
                Settlement::DeadLetter { reason, description } => {
                    self.bury(
                        key,
                        Entry {
                            delivery_count: entry.delivery_count + 1,
                            ..entry
                        },
                        reason,
                        description,
                    )?;
                }
                Settlement::Return | Settlement::Renew => queue.add(entry),
            }
        }
        Ok(if lost == 0 {
            Ok(())
        } else {
            Err(BrokerError::LockLost {
                lost,
                asked: tokens.len(),
            })
        })
    }

    /// A delivery came to nothing: the message is available again, or has had its chances.
    fn give_back(&mut self, key: QueueKey, entry: Entry) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Ok(());
        };
        let entry = Entry {
            delivery_count: entry.delivery_count + 1,
            ..entry
        };
        let limit = entity.info.options.max_delivery_count;
        if !key.dead_letter && entry.delivery_count >= limit {
            let description = format!("Message could not be consumed after {limit} delivery attempts.");
            return self.bury(key, entry, "MaxDeliveryCountExceeded", &description);
        }
        entity.queue(key.dead_letter).add(entry);
        self.storage.set_delivery_count(entry.sequence, entry.delivery_count)
    }

    fn bury(&mut self, key: QueueKey, entry: Entry, reason: &str, description: &str) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Ok(());
        };
        // Deliveries are counted per queue.
        let entry = Entry {
            expires_at: None,
            ..entry
        };
        entity.dead.add(entry);
        self.storage
            .bury(entry.sequence, entry.delivery_count, reason, description)
    }

    /// What time has made due: locks that ran out, messages that expired, messages whose time has come.
    fn apply_clock(&mut self) -> rusqlite::Result<()> {
        let now = now();
        let due: Vec<i64> = self
            .entities
            .iter()
            .filter(|(_, entity)| entity.next_event().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        let mut budget = ROUND_EVENTS_MAX;
        for id in due {
            while budget > 0 && self.apply_event(id, now)? {
                budget -= 1;
            }
        }
        Ok(())
    }

    /// Applies one thing that is due at an entity; `false` if nothing is.
    fn apply_event(&mut self, id: i64, now: i64) -> rusqlite::Result<bool> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(false);
        };
        for dead_letter in [false, true] {
            if let Some(entry) = entity.queue(dead_letter).take_lapsed(now) {
                self.give_back(
                    QueueKey {
                        entity: id,
                        dead_letter,
                    },
                    entry,
                )?;
                return Ok(true);
            }
        }
        if let Some(entry) = entity.active.take_expired(now) {
            if entity.info.options.dead_lettering_on_expiration {
                let key = QueueKey {
                    entity: id,
                    dead_letter: false,
                };
                self.bury(
                    key,
                    entry,
                    "TTLExpiredException",
                    "The message expired and was dead lettered.",
                )?;
            } else {
                self.storage.delete(entry.sequence)?;
            }
            return Ok(true);
        }
        if let Some(&(at, sequence)) = entity.scheduled.first()
            && at <= now
        {
            entity.scheduled.pop_first();
            if let Some(envelope) = self.storage.take(sequence)? {
                // As in Azure: it stands in line as if it were sent now.
                let sequence = self.storage.allocate();
                self.enqueue(id, sequence, now, &envelope)?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// When the clock has something to do next.
    fn next_event(&self) -> Option<i64> {
        self.entities.values().filter_map(Entity::next_event).min()
    }

    /// Locks messages for those who wait.
    fn deliver(&mut self) -> Vec<(Waiter, Result<Delivered, BrokerError>)> {
        let mut deliveries = Vec::new();
        for (key, waiters) in &mut self.waiters {
            let Some(entity) = self.entities.get_mut(&key.entity) else {
                continue;
            };
            while entity.queue(key.dead_letter).has_ready()
                && let Some(waiter) = waiters.pop_front()
            {
                if waiter.answer.is_closed() {
                    continue;
                }
                match lock_messages(entity, &self.storage, key.dead_letter, waiter.max) {
                    // Rows that somebody deleted from the file by hand.
                    Ok(messages) if messages.is_empty() => waiters.push_front(waiter),
                    Ok(messages) => deliveries.push((waiter, Ok(Delivered { queue: *key, messages }))),
                    Err(error) => deliveries.push((waiter, Err(error.into()))),
                }
            }
        }
        deliveries
    }

    /// Gives locked messages to their receiver, or takes them back if it has gone.
    fn hand_over(&mut self, waiter: Waiter, delivered: Result<Delivered, BrokerError>) {
        let queue = delivered.as_ref().ok().map(|delivered| delivered.queue);
        let unsent = waiter.answer.send(delivered.map(|delivered| delivered.messages));
        if let (Some(key), Err(Ok(messages))) = (queue, unsent)
            && let Some(entity) = self.entities.get_mut(&key.entity)
        {
            let queue = entity.queue(key.dead_letter);
            for message in messages {
                if let Some(entry) = queue.unlock(message.lock_token, i64::MIN) {
                    queue.add(entry);
                }
            }
        }
    }

    fn publish_counts(&self) {
        for entity in self.entities.values() {
            let mut counts = entity.counts();
            for subscription in entity.subscriptions.iter().filter_map(|id| self.entities.get(id)) {
                let more = subscription.counts();
                counts.active += more.active;
                counts.scheduled += more.scheduled;
                counts.dead_lettered += more.dead_lettered;
            }
            entity.info.counts.publish(counts);
        }
    }
}

/// Messages on the way to a receiver.
struct Delivered {
    queue: QueueKey,
    messages: Vec<Delivery>,
}

/// Locks up to `max` messages; on failure none.
fn lock_messages(
    entity: &mut Entity,
    storage: &Storage,
    dead_letter: bool,
    max: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let locked_until = later(now(), entity.info.options.lock_duration);
    let queue = entity.queue(dead_letter);
    let mut messages: Vec<Delivery> = Vec::new();
    while messages.len() < max
        && let Some(entry) = queue.take_first()
    {
        let content = match storage.read(entry.sequence) {
            Ok(Some(content)) => content,
            Ok(None) => continue,
            Err(error) => {
                queue.add(entry);
                for message in messages {
                    if let Some(entry) = queue.unlock(message.lock_token, i64::MIN) {
                        queue.add(entry);
                    }
                }
                return Err(error);
            }
        };
        let lock_token = Uuid::new_v4();
        queue.lock(entry, lock_token, locked_until);
        let mut message = content.message;
        // Azure shows them among the application's properties too.
        for (name, value) in [
            ("DeadLetterReason", &content.dead_letter_reason),
            ("DeadLetterErrorDescription", &content.dead_letter_description),
        ] {
            if let Some(value) = value {
                message
                    .application_properties
                    .insert(name.to_owned(), value.clone().into());
            }
        }
        messages.push(Delivery {
            message,
            sequence_number: entry.sequence,
            delivery_count: entry.delivery_count + 1,
            lock_token,
            enqueued_time: from_micros(content.enqueued_at),
            expires_at: entry.expires_at.map_or_else(never, from_micros),
            locked_until: from_micros(locked_until),
            dead_letter_source: None,
            dead_letter_reason: content.dead_letter_reason,
            dead_letter_error_description: content.dead_letter_description,
        });
    }
    Ok(messages)
}

/// Separates what a command is answered with from what fails the round.
fn split<T>(result: rusqlite::Result<Result<T, BrokerError>>) -> (Result<T, BrokerError>, rusqlite::Result<()>) {
    match result {
        Ok(result) => (result, Ok(())),
        Err(error) => (Err(BrokerError::Storage(error.to_string())), Err(error)),
    }
}

/// A command's own result counts only if its round did.
fn conclude<T>(round: Result<(), &BrokerError>, result: Result<T, BrokerError>) -> Result<T, BrokerError> {
    round.map_err(Clone::clone).and(result)
}

fn now() -> i64 {
    to_micros(OffsetDateTime::now_utc())
}
