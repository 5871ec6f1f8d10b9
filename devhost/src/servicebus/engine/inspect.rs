//! What people do with messages by hand: look at them, delete them, give dead letters another chance.

use std::collections::BTreeSet;

use super::{Engine, Wanted, now};
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{DeadLetter, MessageState, Peeked, PeekedMessage, from_micros, never};
use crate::servicebus::queue::Entry;

/// So many messages are deleted or sent again in one go: others want to be served in between.
pub(super) const CHUNK_MESSAGES: usize = 1_000;

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
            // A row that somebody deleted from the file by hand is just not shown.
            let Some(content) = self.storage.read(entry.sequence, wanted.body_bytes_max)? else {
                continue;
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
            messages.push(PeekedMessage {
                message,
                body_bytes: content.body_bytes,
                sequence_number: entry.sequence,
                delivery_count: entry.delivery_count,
                enqueued_time,
                expires_at: entry.expires_at.map_or_else(never, from_micros),
                locked_until: until.map(from_micros),
                dead_letter_source: source,
                dead_letter_reason: reason,
                dead_letter_error_description: description,
            });
        }
        Ok(Ok(Peeked { total, messages }))
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
