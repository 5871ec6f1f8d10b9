//! What time makes due: locks that run out, messages that expire, messages whose time has come.

use super::{Engine, Entity, QueueKey, now};

/// A round applies no more than so many time-outs; the next round goes on.
const ROUND_EVENTS_MAX: usize = 4_096;

impl Engine {
    /// What time has made due: locks that ran out, messages that expired, messages whose time has come.
    pub(super) fn apply_clock(&mut self) -> rusqlite::Result<()> {
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
        if let Some(entries) = entity.active.take_lapsed_session(now) {
            let key = QueueKey {
                entity: id,
                dead_letter: false,
            };
            for entry in entries {
                self.give_back(key, entry)?;
            }
            return Ok(true);
        }
        if let Some(entry) = entity.active.take_expired(now) {
            if entity.info.options.dead_lettering_on_expiration {
                let key = QueueKey {
                    entity: id,
                    dead_letter: false,
                };
                self.bury(
                    key,
                    &entry,
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
    pub(super) fn next_event(&self) -> Option<i64> {
        self.entities.values().filter_map(Entity::next_event).min()
    }
}
