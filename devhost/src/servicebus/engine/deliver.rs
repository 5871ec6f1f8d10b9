//! Messages for those who wait.

use uuid::Uuid;

use super::{Answer, Engine, Entity, QueueKey, now};
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{DeadLetter, Delivery, from_micros, later, never};
use crate::servicebus::queue::{Entry, Queue};
use crate::servicebus::storage::{ContentRow, Storage};

/// A receiver that waits for messages.
pub(super) struct Waiter {
    max: usize,
    answer: Answer<Vec<Delivery>>,
}

impl Engine {
    /// Notes that somebody waits for messages.
    pub(super) fn wait(&mut self, queue: QueueKey, max: usize, answer: Answer<Vec<Delivery>>) {
        let waiters = self.waiters.entry(queue).or_default();
        // Receivers that gave up while nothing came must not pile up.
        waiters.retain(|waiter| !waiter.answer.is_closed());
        waiters.push_back(Waiter { max, answer });
    }

    /// Locks messages for those who wait.
    pub(super) fn deliver(&mut self) -> Vec<(Waiter, Result<Delivered, BrokerError>)> {
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
    pub(super) fn hand_over(&mut self, waiter: Waiter, delivered: Result<Delivered, BrokerError>) {
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

    /// Locks messages that were put aside: all of them or, if one is not there, none.
    pub(super) fn receive_deferred(
        &mut self,
        key: QueueKey,
        sequences: &[i64],
    ) -> rusqlite::Result<Result<Vec<Delivery>, BrokerError>> {
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let locked_until = later(now(), entity.info.options.lock_duration);
        let mut entries = Vec::with_capacity(sequences.len());
        let mut missing = Vec::new();
        for sequence in sequences {
            match entity.queue(key.dead_letter).take_deferred(*sequence) {
                Some(entry) => entries.push(entry),
                None => missing.push(*sequence),
            }
        }
        let queue = entity.queue(key.dead_letter);
        if !missing.is_empty() {
            for entry in entries {
                queue.add(entry);
            }
            return Ok(Err(BrokerError::NoSuchMessage {
                entity: entity.info.name.clone(),
                sequence_numbers: missing,
            }));
        }
        let mut messages = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(content) = self.storage.read(entry.sequence, usize::MAX)? {
                messages.push(lock(queue, entry, content, locked_until));
            }
        }
        Ok(Ok(messages))
    }
}

/// Messages on the way to a receiver.
pub(super) struct Delivered {
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
    let mut last: Option<Entry> = None;
    while messages.len() < max
        && let Some(entry) = match &last {
            None => queue.take_first(),
            Some(last) => queue.take_next(last),
        }
    {
        match storage.read(entry.sequence, usize::MAX) {
            Ok(Some(content)) => {
                last = Some(entry.clone());
                messages.push(lock(queue, entry, content, locked_until));
            }
            // A row that somebody deleted from the file by hand.
            Ok(None) => queue.forget(&entry),
            Err(error) => {
                queue.put_back(entry);
                for message in messages {
                    if let Some(entry) = queue.unlock(message.lock_token, i64::MIN) {
                        queue.add(entry);
                    }
                }
                return Err(error);
            }
        }
    }
    Ok(messages)
}

/// Locks one message that was taken out of its queue.
fn lock(queue: &mut Queue, entry: Entry, content: ContentRow, locked_until: i64) -> Delivery {
    let lock_token = Uuid::new_v4();
    let DeadLetter {
        source,
        reason,
        description,
    } = content.dead_letter;
    let mut message = content.message;
    // Azure shows them among the application's properties too.
    for (name, value) in [
        ("DeadLetterReason", &reason),
        ("DeadLetterErrorDescription", &description),
    ] {
        if let Some(value) = value {
            message
                .application_properties
                .insert(name.to_owned(), value.clone().into());
        }
    }
    let delivery = Delivery {
        message,
        sequence_number: entry.sequence,
        delivery_count: entry.delivery_count + 1,
        lock_token,
        enqueued_time: from_micros(content.enqueued_at),
        expires_at: entry.expires_at.map_or_else(never, from_micros),
        locked_until: from_micros(locked_until),
        dead_letter_source: source,
        dead_letter_reason: reason,
        dead_letter_error_description: description,
    };
    queue.lock(entry, lock_token, locked_until);
    delivery
}
