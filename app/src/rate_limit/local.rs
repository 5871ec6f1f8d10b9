//! Counting in the process: for one instance, and for all of them while Redis is away.

use super::window::{Decision, Policy, Window};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

/// Parts that are locked each by itself, so that requests on several cores seldom wait for each other.
const SHARDS: usize = 16;
/// Clients a part counts at most: with all parts full that is about 4 MB.
const CLIENTS_MAX: usize = 4_096;

/// Windows by a keyed hash of the client's name: an attacker that does not know the key cannot choose names that share one.
type Shard = HashMap<u64, Window>;

pub(super) struct Local {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl Local {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    pub(super) fn take(&self, client: &str, now_ms: u64, policy: Policy) -> Decision {
        let hash = self.hasher.hash_one(client);
        let mut shard = self.shards[hash as usize % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= CLIENTS_MAX && !shard.contains_key(&hash) {
            make_room(&mut shard, now_ms, policy);
        }
        shard.entry(hash).or_default().take(now_ms, policy)
    }
}

/// Forgets whose windows are over and, where nobody's is, half of the others: those are counted anew, and who can ask from
/// thousands of addresses has not been held by a limit per address before.
fn make_room(shard: &mut Shard, now_ms: u64, policy: Policy) {
    shard.retain(|_, window| !window.is_over(now_ms, policy));
    if shard.len() >= CLIENTS_MAX {
        let mut keep = false;
        shard.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const POLICY: Policy = Policy {
        requests: 3,
        window: Duration::from_mins(1),
    };

    #[test]
    fn clients_are_counted_apart() {
        let local = Local::new();
        for _ in 0..3 {
            assert!(local.take("a", 0, POLICY).is_allowed);
        }
        assert!(!local.take("a", 0, POLICY).is_allowed);
        assert!(local.take("b", 0, POLICY).is_allowed);
    }

    #[test]
    fn many_clients_take_bounded_memory() {
        let local = Local::new();
        for client in 0..200_000 {
            local.take(&client.to_string(), 5, POLICY);
        }
        let kept: usize = local.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * CLIENTS_MAX, "{kept}");
        assert!(kept >= SHARDS * CLIENTS_MAX / 4, "{kept}: forgotten too early");
    }

    #[test]
    fn a_quota_holds_among_threads() {
        let policy = Policy {
            requests: 500,
            ..POLICY
        };
        let local = Local::new();
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1_000).filter(|_| local.take("a", 7, policy).is_allowed).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 500);
    }
}
