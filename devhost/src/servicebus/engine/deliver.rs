//! Messages for those who wait.

use uuid::Uuid;

use super::{Answer, Engine, Entity, QueueKey, SessionKey, Want, now};
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{DeadLetter, Delivery, SessionLock, from_micros, later, never};
use crate::servicebus::queue::{Entry, Queue};
use crate::servicebus::storage::{ContentRow, Storage};

/// The most bytes of bodies that are received at once by their sequence numbers, unless it is one message.
const DEFERRED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A receiver that waits.
pub(super) enum Waiter {
    /// For messages.
    Messages { want: Want, answer: Answer<Vec<Delivery>> },
    /// For a session that has some.
    Session { answer: Answer<SessionLock> },
}

impl Waiter {
    fn has_gone(&self) -> bool {
        match self {
            Self::Messages { answer, .. } => answer.is_closed(),
            Self::Session { answer } => answer.is_closed(),
        }
    }
}

/// What a receiver gets once the round is durable.
pub(super) enum Handover {
    Messages(QueueKey, Answer<Vec<Delivery>>, Result<Vec<Delivery>, BrokerError>),
    Session(QueueKey, Answer<SessionLock>, SessionLock),
}

impl Engine {
    /// Notes that somebody waits.
    pub(super) fn wait(&mut self, queue: QueueKey, waiter: Waiter) {
        let waiters = self.waiters.entry(queue).or_default();
        // Receivers that gave up while nothing came must not pile up.
        waiters.retain(|waiter| !waiter.has_gone());
        waiters.push_back(waiter);
    }

    /// Locks messages and sessions for those who wait. Who has waited longest comes first, and then waits again behind
    /// all others: so the functions of the host and receivers from outside share a queue.
    pub(super) fn deliver(&mut self) -> Vec<Handover> {
        let mut handovers = Vec::new();
        for (key, waiters) in &mut self.waiters {
            let Some(entity) = self.entities.get_mut(&key.entity) else {
                continue;
            };
            for waiter in std::mem::take(waiters) {
                if waiter.has_gone() {
                    continue;
                }
                match serve(entity, &self.storage, *key, waiter) {
                    Ok(handover) => handovers.push(handover),
                    Err(waiter) => waiters.push_back(waiter),
                }
            }
        }
        handovers
    }

    /// Gives what was locked to its receiver, or takes it back if that has gone.
    pub(super) fn hand_over(&mut self, handover: Handover) {
        match handover {
            Handover::Messages(key, answer, delivered) => {
                if let Err(Ok(messages)) = answer.send(delivered)
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
            Handover::Session(key, answer, session) => {
                if let Err(Ok(session)) = answer.send(Ok(session)) {
                    self.release_session(key, &SessionKey::from(session));
                }
            }
        }
    }

    /// Locks messages that were put aside: all of them or, if one is not there, none.
    pub(super) fn receive_deferred(
        &mut self,
        key: QueueKey,
        sequences: &[i64],
        session: Option<&SessionKey>,
    ) -> rusqlite::Result<Result<Vec<Delivery>, BrokerError>> {
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let now = now();
        let locked_until = later(now, entity.info.options.lock_duration);
        if let Some(SessionKey { id, token }) = session
            && !entity.queue(key.dead_letter).holds_session(id, *token, now)
        {
            return Ok(Err(BrokerError::SessionLockLost(id.to_string())));
        }
        let mut entries = Vec::with_capacity(sequences.len());
        let mut missing = Vec::new();
        for sequence in sequences {
            match entity.queue(key.dead_letter).take_deferred(*sequence) {
                Some(entry) if session.is_none_or(|session| entry.session.as_ref() == Some(&session.id)) => {
                    entries.push(entry);
                }
                Some(other) => {
                    entity.queue(key.dead_letter).add(other);
                    missing.push(*sequence);
                }
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
        let mut messages: Vec<Delivery> = Vec::with_capacity(entries.len());
        let mut bytes = 0;
        let mut entries = entries.into_iter();
        while bytes <= DEFERRED_BYTES_MAX
            && let Some(entry) = entries.next()
        {
            if let Some(content) = self.storage.read(entry.sequence, usize::MAX)? {
                bytes += content.message.body.len();
                messages.push(lock(queue, entry, content, locked_until));
            }
        }
        if bytes > DEFERRED_BYTES_MAX && messages.len() > 1 {
            entries.for_each(|entry| queue.add(entry));
            for message in messages {
                if let Some(entry) = queue.unlock(message.lock_token, i64::MIN) {
                    queue.add(entry);
                }
            }
            return Ok(Err(BrokerError::Invalid(format!(
                "These messages have more than {DEFERRED_BYTES_MAX} bytes together: ask for fewer at once."
            ))));
        }
        Ok(Ok(messages))
    }
}

/// What a waiter can have now; or it waits on.
fn serve(entity: &mut Entity, storage: &Storage, key: QueueKey, waiter: Waiter) -> Result<Handover, Waiter> {
    let now = now();
    let lock_duration = entity.info.options.lock_duration;
    let queue = entity.queue(key.dead_letter);
    match waiter {
        Waiter::Session { answer } => {
            let (token, until) = (Uuid::new_v4(), later(now, lock_duration));
            match queue.hold_session(None, token, until) {
                Some(id) => {
                    let locked_until = from_micros(until);
                    Ok(Handover::Session(
                        key,
                        answer,
                        SessionLock {
                            id,
                            token,
                            locked_until,
                        },
                    ))
                }
                None => Err(Waiter::Session { answer }),
            }
        }
        Waiter::Messages { want, answer } => {
            if let Some(SessionKey { id, token }) = &want.session
                && !queue.holds_session(id, *token, now)
            {
                let lost = BrokerError::SessionLockLost(id.to_string());
                return Ok(Handover::Messages(key, answer, Err(lost)));
            }
            match lock_messages(queue, storage, &want, later(now, lock_duration)) {
                Ok(messages) if messages.is_empty() && want.wait => Err(Waiter::Messages { want, answer }),
                Ok(messages) => Ok(Handover::Messages(key, answer, Ok(messages))),
                Err(error) => Ok(Handover::Messages(key, answer, Err(error.into()))),
            }
        }
    }
}

/// Locks messages; on failure none.
fn lock_messages(
    queue: &mut Queue,
    storage: &Storage,
    want: &Want,
    locked_until: i64,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut messages: Vec<Delivery> = Vec::new();
    let mut last: Option<Entry> = None;
    let mut bytes = 0_usize;
    while messages.len() < want.max
        && bytes < want.bytes_max
        && let Some(entry) = match (&want.session, &last) {
            (Some(session), _) => queue.take_in_session(&session.id),
            (None, None) => queue.take_first(),
            (None, Some(last)) => queue.take_next(last),
        }
    {
        match storage.read(entry.sequence, usize::MAX) {
            Ok(Some(content)) => {
                bytes += content.message.body.len();
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
