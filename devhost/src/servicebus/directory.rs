//! Which entities there are, for everybody to read; only the engine writes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::error::BrokerError;
use super::options::{EntityCounts, QueueOptions};
use super::path::EntityPath;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Queue,
    Topic,
    /// Of the topic with this id.
    Subscription(i64),
}

/// One entity as others see it.
#[derive(Debug)]
pub(super) struct EntityInfo {
    pub(super) id: i64,
    /// The name as it was first written.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) options: QueueOptions,
    pub(super) counts: PublishedCounts,
}

/// The counts after the engine's last round.
#[derive(Debug, Default)]
pub(super) struct PublishedCounts {
    active: AtomicU64,
    scheduled: AtomicU64,
    deferred: AtomicU64,
    dead_lettered: AtomicU64,
}

impl PublishedCounts {
    pub(super) fn publish(&self, counts: EntityCounts) {
        self.active.store(counts.active, Ordering::Release);
        self.scheduled.store(counts.scheduled, Ordering::Release);
        self.deferred.store(counts.deferred, Ordering::Release);
        self.dead_lettered.store(counts.dead_lettered, Ordering::Release);
    }

    pub(super) fn read(&self) -> EntityCounts {
        EntityCounts {
            active: self.active.load(Ordering::Acquire),
            scheduled: self.scheduled.load(Ordering::Acquire),
            deferred: self.deferred.load(Ordering::Acquire),
            dead_lettered: self.dead_lettered.load(Ordering::Acquire),
        }
    }
}

/// The entities by name in lower case.
#[derive(Debug, Default)]
pub(super) struct Directory(RwLock<HashMap<String, Arc<EntityInfo>>>);

impl Directory {
    /// The entity of a path, and whether its dead-letter queue is meant.
    pub(super) fn find(&self, path: &str) -> Result<(Arc<EntityInfo>, bool), BrokerError> {
        let parsed = EntityPath::parse(path);
        let entities = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match entities.get(&parsed.key) {
            Some(entity) if !(parsed.dead_letter && entity.kind == Kind::Topic) => {
                Ok((Arc::clone(entity), parsed.dead_letter))
            }
            _ => Err(BrokerError::NotFound(path.to_owned())),
        }
    }

    pub(super) fn put(&self, entity: Arc<EntityInfo>) {
        let mut entities = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entities.insert(entity.name.to_lowercase(), entity);
    }

    pub(super) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// All entities, by name.
    pub(super) fn all(&self) -> Vec<Arc<EntityInfo>> {
        let entities = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = entities.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}
