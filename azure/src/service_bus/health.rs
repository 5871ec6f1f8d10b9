//! What is wrong with a service now, and whether it wants to be left alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::error::SendError;

/// What all sends of a process have learnt of a service.
#[derive(Default)]
pub(super) struct Health {
    /// What is wrong with an entity, or, without a name, with the connection.
    troubles: Mutex<HashMap<String, SendError>>,
    /// Too much was sent: nothing more before this time.
    throttled: Mutex<Option<(Instant, String)>>,
}

impl Health {
    /// Remembers what is wrong with an entity, or that it is well again.
    pub(super) fn note(&self, entity: &str, trouble: Option<&SendError>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            None => drop(troubles.remove(entity)),
            Some(error) => drop(troubles.insert(entity.to_owned(), error.clone())),
        }
    }

    /// What is wrong, if anything is; that of the connection first.
    pub(super) fn trouble(&self) -> Result<(), SendError> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match troubles.iter().min_by_key(|(entity, _)| entity.as_str()) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Remembers that the service asks to wait, if that is what it says.
    pub(super) fn note_throttled(&self, error: &SendError) {
        if let SendError::Throttled { reason, retry_after } = error {
            tracing::warn!(%error, "Service Bus is too busy");
            let mut throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
            *throttled = Some((Instant::now() + *retry_after, reason.clone()));
        }
    }

    /// An error for as long as the service asked to wait.
    pub(super) fn refuse_while_throttled(&self) -> Result<(), SendError> {
        let throttled = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        match &*throttled {
            Some((until, reason)) if *until > Instant::now() => Err(SendError::Throttled {
                reason: reason.clone(),
                retry_after: *until - Instant::now(),
            }),
            _ => Ok(()),
        }
    }
}
