//! Sessions that a receiver holds as a whole, and what receivers keep with them.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Answer, Engine, QueueKey, SessionKey, now};
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{SessionLock, from_micros, later};

impl From<SessionLock> for SessionKey {
    fn from(lock: SessionLock) -> Self {
        Self {
            id: lock.id,
            token: lock.token,
        }
    }
}

impl Engine {
    /// Answers at once: a named session is there to be had, or is not.
    pub(super) fn accept_named_session(&mut self, key: QueueKey, id: String, answer: Answer<SessionLock>) {
        let accepted = match self.entities.get_mut(&key.entity) {
            Some(entity) => {
                let (token, until) = (Uuid::new_v4(), later(now(), entity.info.options.lock_duration));
                let held = entity.queue(key.dead_letter).hold_session(Some(&id), token, until);
                held.map(|id| SessionLock {
                    id,
                    token,
                    locked_until: from_micros(until),
                })
                .ok_or(BrokerError::SessionCannotBeLocked(id))
            }
            None => Err(BrokerError::Stopped),
        };
        if let Err(Ok(session)) = answer.send(accepted) {
            self.release_session(key, &SessionKey::from(session));
        }
    }

    pub(super) fn renew_session(&mut self, key: QueueKey, session: &SessionKey) -> Result<OffsetDateTime, BrokerError> {
        let Some(entity) = self.entities.get_mut(&key.entity) else {
            return Err(BrokerError::Stopped);
        };
        let now = now();
        let until = later(now, entity.info.options.lock_duration);
        let queue = entity.queue(key.dead_letter);
        if queue.renew_session(&session.id, session.token, now, until) {
            Ok(from_micros(until))
        } else {
            Err(lost(session))
        }
    }

    /// Its messages are available again, as if they had not been delivered: so it is in Azure when a session is closed.
    pub(super) fn release_session(&mut self, key: QueueKey, session: &SessionKey) {
        if let Some(entity) = self.entities.get_mut(&key.entity) {
            let queue = entity.queue(key.dead_letter);
            for entry in queue.release_session(&session.id, session.token) {
                queue.add(entry);
            }
        }
    }

    pub(super) fn session_state(
        &mut self,
        key: QueueKey,
        session: &SessionKey,
    ) -> rusqlite::Result<Result<Option<Vec<u8>>, BrokerError>> {
        if !self.holds(key, session) {
            return Ok(Err(lost(session)));
        }
        self.storage.session_state(key.entity, &session.id).map(Ok)
    }

    pub(super) fn set_session_state(
        &mut self,
        key: QueueKey,
        session: &SessionKey,
        state: Option<&[u8]>,
    ) -> rusqlite::Result<Result<(), BrokerError>> {
        if !self.holds(key, session) {
            return Ok(Err(lost(session)));
        }
        self.storage.set_session_state(key.entity, &session.id, state).map(Ok)
    }

    /// The sessions that have messages, by name.
    pub(super) fn sessions(&mut self, key: QueueKey) -> Vec<Arc<str>> {
        let entity = self.entities.get_mut(&key.entity);
        entity.map_or_else(Vec::new, |entity| entity.queue(key.dead_letter).session_ids())
    }

    fn holds(&mut self, key: QueueKey, session: &SessionKey) -> bool {
        self.entities.get_mut(&key.entity).is_some_and(|entity| {
            let queue = entity.queue(key.dead_letter);
            queue.holds_session(&session.id, session.token, now())
        })
    }
}

fn lost(session: &SessionKey) -> BrokerError {
    BrokerError::SessionLockLost(session.id.to_string())
}
