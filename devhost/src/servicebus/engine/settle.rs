//! What becomes of messages that a receiver holds.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Engine, QueueKey, Settlement, now};
use crate::servicebus::broker::PROPERTIES_BYTES_MAX;
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{from_micros, later};
use crate::servicebus::queue::Entry;

impl Engine {
    pub(super) fn settle(
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
            let queue = entity.queue(key.dead_letter);
            let Some(entry) = queue.unlock(*token, now) else {
                lost += 1;
                continue;
            };
            let (Settlement::Abandon { changes }
            | Settlement::Defer { changes }
            | Settlement::DeadLetter { changes, .. }) = settlement
            else {
                match settlement {
                    Settlement::Complete => self.storage.delete(entry.sequence)?,
                    _ => queue.add(entry),
                }
                continue;
            };
            if !changes.is_empty()
                && !self
                    .storage
                    .change_properties(entry.sequence, changes, PROPERTIES_BYTES_MAX)?
            {
                // The message is still its receiver's.
                if let Some(entity) = self.entities.get_mut(&key.entity) {
                    let until = later(now, entity.info.options.lock_duration);
                    entity.queue(key.dead_letter).lock_again(entry, *token, until);
                }
                return Ok(Err(BrokerError::Invalid(format!(
                    "The properties of a message have at most {PROPERTIES_BYTES_MAX} bytes."
                ))));
            }
            match settlement {
                Settlement::DeadLetter {
                    reason, description, ..
                } => {
                    let delivery_count = entry.delivery_count + 1;
                    self.bury(
                        key,
                        &Entry {
                            delivery_count,
                            ..entry
                        },
                        reason,
                        description,
                    )?;
                }
                // The messages of a dead-letter queue cannot be put aside; see `Broker::defer`.
                Settlement::Defer { .. } => {
                    let entry = Entry {
                        delivery_count: entry.delivery_count + 1,
                        deferred: true,
                        ..entry
                    };
                    self.storage.defer(entry.sequence, entry.delivery_count)?;
                    if let Some(entity) = self.entities.get_mut(&key.entity) {
                        entity.active.add(entry);
                    }
                }
                _ => self.give_back(key, entry)?,
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

    /// Prolongs locks: until when they hold now.
    pub(super) fn renew(&mut self, key: QueueKey, tokens: &[Uuid]) -> Result<OffsetDateTime, BrokerError> {
        let now = now();
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Err(BrokerError::Stopped);
        };
        let until = later(now, entity.info.options.lock_duration);
        let queue = entity.queue(key.dead_letter);
        let lost = tokens.iter().filter(|token| !queue.renew(**token, now, until)).count();
        if lost == 0 {
            Ok(from_micros(until))
        } else {
            Err(BrokerError::LockLost {
                lost,
                asked: tokens.len(),
            })
        }
    }

    /// A delivery came to nothing: the message is available again, or has had its chances.
    pub(super) fn give_back(&mut self, key: QueueKey, entry: Entry) -> rusqlite::Result<()> {
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
            return self.bury(key, &entry, "MaxDeliveryCountExceeded", &description);
        }
        self.storage.set_delivery_count(entry.sequence, entry.delivery_count)?;
        entity.queue(key.dead_letter).add(entry);
        Ok(())
    }

    /// Moves a message that has been taken out of its queue to the dead-letter queue, or to where dead letters go on to.
    pub(super) fn bury(
        &mut self,
        key: QueueKey,
        entry: &Entry,
        reason: &str,
        description: &str,
    ) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Ok(());
        };
        if entity.info.options.forward_dead_letters_to.is_some() {
            let Some(mut envelope) = self.storage.take(entry.sequence)? else {
                return Ok(());
            };
            envelope.dead_letter.because(reason, description);
            return self.bury_envelope(key.entity, entry.sequence, entry.delivery_count, now(), envelope);
        }
        entity.dead.add(Entry {
            expires_at: None,
            deferred: false,
            session: None,
            ..*entry
        });
        self.storage
            .bury(entry.sequence, entry.delivery_count, reason, description)
    }
}
