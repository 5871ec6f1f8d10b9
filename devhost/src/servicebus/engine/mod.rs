//! The one thread that owns the broker's state.
//!
//! It works in rounds: take every command that waits, apply them, apply what the clock has made due, commit once, hand
//! out messages, answer. So a thousand sends and completions share one `fsync`, nothing is answered before it is
//! durable, and nothing has to be locked. When a round fails, all of it is undone, its commands are answered with the
//! error, and the state is read from the file again.

mod clock;
mod command;
mod deliver;
mod inspect;
mod send;
mod sessions;
mod settle;

pub(super) use command::{Answer, Command, Existing, QueueKey, RuleChange, SessionKey, Settlement, Want, Wanted};

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use time::OffsetDateTime;

use super::directory::{Directory, EntityInfo, Kind, PublishedCounts};
use super::error::BrokerError;
use super::message::{later, to_micros};
use super::options::{EntityCounts, QueueOptions};
use super::path;
use super::queue::Queue;
use super::storage::{State, Storage};
use deliver::Waiter;

/// A round takes no more commands once it has so many messages: the first of them should not wait long.
const ROUND_MESSAGES_MAX: usize = 4_096;
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
            active: if info.options.requires_session {
                Queue::with_sessions()
            } else {
                Queue::default()
            },
            info,
            subscriptions: Vec::new(),
            dead: Queue::default(),
            scheduled: BTreeSet::new(),
        }
    }

    /// The session of a message, if they matter here.
    fn session(&self, id: Option<&str>) -> Option<Arc<str>> {
        self.info
            .options
            .requires_session
            .then(|| id.unwrap_or_default().into())
    }

    fn queue(&mut self, dead_letter: bool) -> &mut Queue {
        if dead_letter { &mut self.dead } else { &mut self.active }
    }

    fn counts(&self) -> EntityCounts {
        EntityCounts {
            active: self.active.len() as u64,
            scheduled: self.scheduled.len() as u64,
            deferred: self.active.deferred_len() as u64,
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
        for handover in deliveries {
            self.hand_over(handover);
        }
    }

    /// Reads the state from the file.
    fn load(&mut self) -> rusqlite::Result<()> {
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
            match row.state {
                State::Ready | State::Deferred => {
                    let session = entity.session(row.session.as_deref());
                    entity.active.add(row.entry(session));
                }
                State::Dead => entity.dead.add(row.entry(None)),
                State::Scheduled => {
                    entity.scheduled.insert((row.enqueued_at, row.sequence));
                }
            }
        })?;
        self.publish_counts();
        Ok(())
    }

    fn undo(&mut self) {
        let undone = self.storage.rollback().and_then(|()| self.load());
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
            } => self.carry_out(healthy, Some(answer), |engine| engine.send(entity, envelopes)),
            Command::CancelScheduled {
                entity,
                sequences,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| {
                engine.cancel_scheduled(entity, &sequences)
            }),
            Command::Receive { queue, want, answer } => {
                self.wait(queue, Waiter::Messages { want, answer });
                Ok(())
            }
            Command::ReceiveDeferred {
                queue,
                sequences,
                session,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| {
                engine.receive_deferred(queue, &sequences, session.as_ref())
            }),
            Command::Settle {
                queue,
                tokens,
                settlement,
                answer,
            } => self.carry_out(healthy, answer, |engine| engine.settle(queue, &tokens, &settlement)),
            other => self.apply_for_receiver(other, healthy),
        }
    }

    /// [`Engine::apply`] for what only receivers outside of the host ask for.
    fn apply_for_receiver(&mut self, command: Command, healthy: bool) -> rusqlite::Result<()> {
        match command {
            Command::Renew { queue, tokens, answer } => {
                self.carry_out_with(healthy, Some(answer), OffsetDateTime::UNIX_EPOCH, |engine| {
                    Ok(engine.renew(queue, &tokens))
                })
            }
            Command::AcceptSession {
                queue,
                id: None,
                answer,
            } => {
                self.wait(queue, Waiter::Session { answer });
                Ok(())
            }
            Command::AcceptSession {
                queue,
                id: Some(id),
                answer,
            } => {
                self.accept_named_session(queue, id, answer);
                Ok(())
            }
            Command::RenewSession { queue, session, answer } => {
                self.carry_out_with(healthy, Some(answer), OffsetDateTime::UNIX_EPOCH, |engine| {
                    Ok(engine.renew_session(queue, &session))
                })
            }
            Command::ReleaseSession { queue, session } => {
                self.release_session(queue, &session);
                Ok(())
            }
            Command::SessionState { queue, session, answer } => {
                self.carry_out(healthy, Some(answer), |engine| engine.session_state(queue, &session))
            }
            Command::SetSessionState {
                queue,
                session,
                state,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| {
                engine.set_session_state(queue, &session, state.as_deref())
            }),
            Command::Sessions { queue, answer } => {
                self.carry_out(healthy, Some(answer), |engine| Ok(Ok(engine.sessions(queue))))
            }
            Command::Browse {
                queue,
                wanted,
                session,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| {
                engine.browse(queue, &wanted, session.as_deref())
            }),
            Command::ChangeRules { entity, change, answer } => {
                self.carry_out(healthy, Some(answer), |engine| engine.change_rules(entity, change))
            }
            other => self.apply_by_hand(other, healthy),
        }
    }

    /// [`Engine::apply`] for what people do by hand.
    fn apply_by_hand(&mut self, command: Command, healthy: bool) -> rusqlite::Result<()> {
        match command {
            Command::Peek {
                entity,
                state,
                wanted,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| engine.peek(entity, state, &wanted)),
            Command::Purge {
                entity,
                state,
                before,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| engine.purge(entity, state, before)),
            Command::Resubmit {
                entity,
                sequences,
                answer,
            } => self.carry_out(healthy, Some(answer), |engine| engine.resubmit(entity, &sequences)),
            Command::ResubmitAll { entity, before, answer } => {
                self.carry_out(healthy, Some(answer), |engine| engine.resubmit_all(entity, before))
            }
            // Each of the three has its own, and hands on the rest.
            _ => Ok(()),
        }
    }

    /// Does something, if nothing has failed so far, and notes its answer.
    fn carry_out<T: Default + Send + 'static>(
        &mut self,
        healthy: bool,
        answer: Option<Answer<T>>,
        command: impl FnOnce(&mut Self) -> rusqlite::Result<Result<T, BrokerError>>,
    ) -> rusqlite::Result<()> {
        self.carry_out_with(healthy, answer, T::default(), command)
    }

    /// [`Engine::carry_out`] for answers without a default.
    fn carry_out_with<T: Send + 'static>(
        &mut self,
        healthy: bool,
        answer: Option<Answer<T>>,
        otherwise: T,
        command: impl FnOnce(&mut Self) -> rusqlite::Result<Result<T, BrokerError>>,
    ) -> rusqlite::Result<()> {
        let result = if healthy { command(self) } else { Ok(Ok(otherwise)) };
        let (result, failure) = split(result);
        if let Some(answer) = answer {
            self.replies.push(Box::new(move |round| {
                // Whoever asked may have gone; what was done is done.
                let _ = answer.send(conclude(round, result));
            }));
        }
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
        let sessions_change = match self.directory.find(&name) {
            Ok((found, _)) => found.options.requires_session != options.requires_session,
            Err(_) => false,
        };
        let id = self.storage.save_entity(&name, kind, &options)?;
        self.put_entity(EntityInfo {
            id,
            name,
            kind,
            options,
            counts: PublishedCounts::default(),
        });
        if sessions_change {
            // The messages that are there stand in another order now. This is the start: nobody holds any of them.
            self.load()?;
        }
        Ok(Ok(()))
    }

    fn publish_counts(&self) {
        for entity in self.entities.values() {
            let mut counts = entity.counts();
            for subscription in entity.subscriptions.iter().filter_map(|id| self.entities.get(id)) {
                let more = subscription.counts();
                counts.active += more.active;
                counts.scheduled += more.scheduled;
                counts.deferred += more.deferred;
                counts.dead_lettered += more.dead_lettered;
            }
            entity.info.counts.publish(counts);
        }
    }
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
