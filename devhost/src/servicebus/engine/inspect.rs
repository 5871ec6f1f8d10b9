//! What people do with messages by hand: look at them, delete them, give dead letters another chance.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Engine, QueueKey, RuleChange, Wanted, now};
use crate::servicebus::directory::{EntityInfo, PublishedCounts};
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{DeadLetter, MessageState, Peeked, PeekedMessage, from_micros, never};
use crate::servicebus::queue::Entry;

/// So many messages are deleted or sent again in one go: others want to be served in between.
pub(super) const CHUNK_MESSAGES: usize = 1_000;
/// The most rules of a subscription, as in Azure.
const RULES_MAX: usize = 2_000;

impl Engine {
    /// Shows messages without touching them.
    pub(super) fn peek(
        &self,
        id: i64,
        state: MessageState,
        wanted: &Wanted,
    ) -> rusqlite::Result<Result<Peeked, BrokerError>> {
        let Some(entity) = self.entities.get(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let Wanted { from, skip, count, .. } = *wanted;
        let from_queue = |queue: &super::Queue| {
            queue
                .list(from)
                .skip(skip)
                .take(count)
                .map(|(entry, until)| (entry.clone(), until))
                .collect()
        };
        let counts = entity.counts();
        let (total, found): (u64, Vec<(Entry, Option<i64>)>) = match state {
            MessageState::Active => (counts.active, from_queue(&entity.active)),
            MessageState::DeadLettered => (counts.dead_lettered, from_queue(&entity.dead)),
            MessageState::Deferred => {
                let entries = entity.active.list_deferred(from).skip(skip).take(count);
                (counts.deferred, entries.map(|entry| (entry.clone(), None)).collect())
            }
            MessageState::Scheduled => {
                let entries = entity.scheduled.iter().filter(|(_, sequence)| *sequence >= from);
                let entries = entries.skip(skip).take(count);
                (counts.scheduled, entries.map(|(_, n)| (scheduled(*n), None)).collect())
            }
        };
        let mut messages = Vec::with_capacity(found.len());
        for (entry, until) in found {
            messages.extend(self.show(&entry, until, state, wanted.body_bytes_max)?);
        }
        Ok(Ok(Peeked { total, messages }))
    }

    /// One message as it lies there; a row that somebody deleted from the file by hand is just not shown.
    fn show(
        &self,
        entry: &Entry,
        locked_until: Option<i64>,
        state: MessageState,
        body_bytes_max: usize,
    ) -> rusqlite::Result<Option<PeekedMessage>> {
        let Some(content) = self.storage.read(entry.sequence, body_bytes_max)? else {
            return Ok(None);
        };
        let DeadLetter {
            source,
            reason,
            description,
        } = content.dead_letter;
        let mut message = content.message;
        let enqueued_time = from_micros(content.enqueued_at);
        if state == MessageState::Scheduled {
            message.scheduled_enqueue_time = Some(enqueued_time);
        }
        Ok(Some(PeekedMessage {
            message,
            body_bytes: content.body_bytes,
            sequence_number: entry.sequence,
            delivery_count: entry.delivery_count,
            enqueued_time,
            expires_at: entry.expires_at.map_or_else(never, from_micros),
            locked_until: locked_until.map(from_micros),
            dead_letter_source: source,
            dead_letter_reason: reason,
            dead_letter_error_description: description,
        }))
    }

    /// Shows messages in whatever state, in the order of their sequence numbers, as SDKs peek: `wanted.body_bytes_max`
    /// is for all of them together, and the first comes whole however large it is.
    pub(super) fn browse(
        &mut self,
        key: QueueKey,
        wanted: &Wanted,
        session: Option<&str>,
    ) -> rusqlite::Result<Result<Vec<(MessageState, PeekedMessage)>, BrokerError>> {
        let Some(entity) = self.entities.get(&key.entity) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let Wanted { from, count, .. } = *wanted;
        let is_of_session = |entry: &Entry| session.is_none_or(|id| entry.session.as_deref() == Some(id));
        let (state, queue) = if key.dead_letter {
            (MessageState::DeadLettered, &entity.dead)
        } else {
            (MessageState::Active, &entity.active)
        };
        let lying = queue.list(from).filter(|(entry, _)| is_of_session(entry)).take(count);
        let mut found: Vec<_> = lying.map(|(entry, until)| (entry.clone(), until, state)).collect();
        if !key.dead_letter {
            let deferred = queue
                .list_deferred(from)
                .filter(|entry| is_of_session(entry))
                .take(count);
            found.extend(deferred.map(|entry| (entry.clone(), None, MessageState::Deferred)));
            // Only when its time has come does a message belong to a session.
            let waiting = entity.scheduled.iter().filter(|(_, n)| session.is_none() && *n >= from);
            found.extend(waiting.map(|(_, n)| (scheduled(*n), None, MessageState::Scheduled)));
            found.sort_unstable_by_key(|(entry, ..)| entry.sequence);
        }
        let mut messages = Vec::new();
        let mut bytes = 0;
        for (entry, until, state) in found.into_iter().take(count) {
            if let Some(message) = self.show(&entry, until, state, usize::MAX)? {
                bytes += message.message.body.len();
                if bytes > wanted.body_bytes_max && !messages.is_empty() {
                    break;
                }
                messages.push((state, message));
            }
        }
        Ok(Ok(messages))
    }

    /// Adds a rule to a subscription or takes one away; what has come already stays.
    pub(super) fn change_rules(&mut self, id: i64, change: RuleChange) -> rusqlite::Result<Result<(), BrokerError>> {
        let Some(info) = self.entities.get(&id).map(|entity| Arc::clone(&entity.info)) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let mut options = info.options.clone();
        let mut rules = options.effective_rules();
        match change {
            RuleChange::Add(rule) if rules.iter().any(|other| other.name() == rule.name()) => {
                return Ok(Err(BrokerError::RuleExists(rule.name().to_owned())));
            }
            RuleChange::Add(_) if rules.len() >= RULES_MAX => {
                return Ok(Err(BrokerError::Invalid(format!(
                    "A subscription has at most {RULES_MAX} rules."
                ))));
            }
            RuleChange::Add(rule) => rules.push(*rule),
            RuleChange::Remove(name) => {
                let before = rules.len();
                rules.retain(|rule| rule.name() != name);
                if rules.len() == before {
                    return Ok(Err(BrokerError::NoSuchRule(name)));
                }
            }
        }
        options.takes_nothing = rules.is_empty();
        options.rules = rules;
        self.storage.save_entity(&info.name, info.kind, &options)?;
        self.put_entity(EntityInfo {
            id,
            name: info.name.clone(),
            kind: info.kind,
            options,
            counts: PublishedCounts::default(),
        });
        Ok(Ok(()))
    }

    /// Deletes some of the messages that nobody holds.
    pub(super) fn purge(
        &mut self,
        id: i64,
        state: MessageState,
        before: Option<i64>,
    ) -> rusqlite::Result<Result<(usize, i64), BrokerError>> {
        let before = before.unwrap_or_else(|| self.storage.allocate());
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let sequences = match state {
            MessageState::Active => entity.active.ready_before(before, CHUNK_MESSAGES),
            MessageState::Deferred => entity.active.deferred_before(before, CHUNK_MESSAGES),
            MessageState::DeadLettered => entity.dead.ready_before(before, CHUNK_MESSAGES),
            MessageState::Scheduled => {
                let due = entity.scheduled.iter().filter(|(_, n)| *n < before);
                let due: Vec<(i64, i64)> = due.take(CHUNK_MESSAGES).copied().collect();
                for scheduled in &due {
                    entity.scheduled.remove(scheduled);
                }
                due.into_iter().map(|(_, sequence)| sequence).collect()
            }
        };
        for sequence in &sequences {
            entity.queue(state == MessageState::DeadLettered).remove(*sequence);
            self.storage.delete(*sequence)?;
        }
        Ok(Ok((sequences.len(), before)))
    }

    /// Sends dead letters to their entity again, as if they came for the first time: all of them or, if one is not there,
    /// none.
    pub(super) fn resubmit(&mut self, id: i64, sequences: &[i64]) -> rusqlite::Result<Result<Vec<i64>, BrokerError>> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let missing: Vec<i64> = sequences.iter().filter(|n| !entity.dead.has(**n)).copied().collect();
        if !missing.is_empty() {
            return Ok(Err(BrokerError::NoSuchMessage {
                entity: format!("{}/$deadletterqueue", entity.info.name),
                sequence_numbers: missing,
            }));
        }
        let mut renewed = Vec::with_capacity(sequences.len());
        // Named twice, it is still one message.
        for sequence in sequences.iter().copied().collect::<BTreeSet<_>>() {
            if let Some(entity) = self.entities.get_mut(&id) {
                entity.dead.remove(sequence);
            }
            let Some(mut envelope) = self.storage.take(sequence)? else {
                continue;
            };
            envelope.dead_letter = DeadLetter::default();
            envelope.hops = 0;
            let sequence = self.storage.allocate();
            self.enqueue(id, sequence, now(), &envelope)?;
            renewed.push(sequence);
        }
        Ok(Ok(renewed))
    }

    /// [`Engine::resubmit`] for the first dead letters that nobody holds.
    pub(super) fn resubmit_all(
        &mut self,
        id: i64,
        before: Option<i64>,
    ) -> rusqlite::Result<Result<(usize, i64), BrokerError>> {
        let before = before.unwrap_or_else(|| self.storage.allocate());
        let Some(entity) = self.entities.get(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let sequences = entity.dead.ready_before(before, CHUNK_MESSAGES);
        Ok(self.resubmit(id, &sequences)?.map(|renewed| (renewed.len(), before)))
    }
}

/// What the queue would know of a scheduled message.
fn scheduled(sequence: i64) -> Entry {
    Entry {
        sequence,
        delivery_count: 0,
        expires_at: None,
        deferred: false,
        session: None,
    }
}
