//! One queue in memory: numbers and times only; the contents stay in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

/// A message, as far as its queue has to know it. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: i64,
    /// Deliveries that have ended without completion.
    pub(super) delivery_count: u32,
    pub(super) expires_at: Option<i64>,
}

#[derive(Debug)]
struct Lock {
    entry: Entry,
    until: i64,
}

/// A queue, a subscription, or the dead-letter queue of either.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By sequence number: the order of delivery.
    ready: BTreeMap<i64, Entry>,
    /// Time and sequence number of the ready messages that expire. A locked message does not expire.
    expiring: BTreeSet<(i64, i64)>,
    locks: HashMap<Uuid, Lock>,
    /// When which lock runs out.
    lapsing: BTreeSet<(i64, Uuid)>,
}

impl Queue {
    /// Ready and locked messages.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.locks.len()
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Makes a message available, at its place.
    pub(super) fn add(&mut self, entry: Entry) {
        if let Some(expires_at) = entry.expires_at {
            self.expiring.insert((expires_at, entry.sequence));
        }
        self.ready.insert(entry.sequence, entry);
    }

    /// Takes the first available message out, for [`Queue::lock`] or [`Queue::add`].
    pub(super) fn take_first(&mut self) -> Option<Entry> {
        let (_, entry) = self.ready.pop_first()?;
        if let Some(expires_at) = entry.expires_at {
            self.expiring.remove(&(expires_at, entry.sequence));
        }
        Some(entry)
    }

    pub(super) fn lock(&mut self, entry: Entry, token: Uuid, until: i64) {
        self.lapsing.insert((until, token));
        self.locks.insert(token, Lock { entry, until });
    }

    /// Ends a lock that still holds; the caller decides what becomes of the message.
    pub(super) fn unlock(&mut self, token: Uuid, now: i64) -> Option<Entry> {
        if self.locks.get(&token)?.until <= now {
            return None;
        }
        let lock = self.locks.remove(&token)?;
        self.lapsing.remove(&(lock.until, token));
        Some(lock.entry)
    }

    /// Prolongs a lock that still holds.
    pub(super) fn renew(&mut self, token: Uuid, now: i64, until: i64) -> bool {
        match self.locks.get_mut(&token) {
            Some(lock) if lock.until > now => {
                self.lapsing.remove(&(lock.until, token));
                lock.until = until;
                self.lapsing.insert((until, token));
                true
            }
            _ => false,
        }
    }

    /// Takes out one message whose lock has run out.
    pub(super) fn take_lapsed(&mut self, now: i64) -> Option<Entry> {
        let &(until, token) = self.lapsing.first()?;
        if until > now {
            return None;
        }
        self.lapsing.pop_first();
        self.locks.remove(&token).map(|lock| lock.entry)
    }

    /// Takes out one available message that has expired.
    pub(super) fn take_expired(&mut self, now: i64) -> Option<Entry> {
        let &(expires_at, sequence) = self.expiring.first()?;
        if expires_at > now {
            return None;
        }
        self.expiring.pop_first();
        self.ready.remove(&sequence)
    }

    /// When the next lock or message runs out.
    pub(super) fn next_event(&self) -> Option<i64> {
        let expiry = self.expiring.first().map(|(at, _)| *at);
        let lapse = self.lapsing.first().map(|(at, _)| *at);
        [expiry, lapse].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: i64) -> Entry {
        Entry {
            sequence,
            delivery_count: 0,
            expires_at: None,
        }
    }

    #[test]
    fn a_message_given_back_keeps_its_place() {
        let mut queue = Queue::default();
        (1..=3).for_each(|n| queue.add(entry(n)));
        let first = queue.take_first().expect("three are ready");
        let token = Uuid::new_v4();
        queue.lock(first, token, 100);
        assert_eq!(queue.len(), 3);
        let back = queue.unlock(token, 50).expect("the lock holds");
        queue.add(back);
        assert_eq!(queue.take_first(), Some(entry(1)));
    }

    #[test]
    fn a_lock_ends_at_its_time() {
        let mut queue = Queue::default();
        let token = Uuid::new_v4();
        queue.lock(entry(1), token, 100);
        assert_eq!(queue.next_event(), Some(100));
        assert!(queue.renew(token, 99, 200));
        assert_eq!(queue.take_lapsed(199), None);
        assert_eq!(queue.unlock(token, 200), None);
        assert!(!queue.renew(token, 200, 300));
        assert_eq!(queue.take_lapsed(200), Some(entry(1)));
        assert_eq!(queue.next_event(), None);
    }

    #[test]
    fn locked_messages_do_not_expire() {
        let mut queue = Queue::default();
        let entry = Entry {
            expires_at: Some(10),
            ..entry(1)
        };
        queue.add(entry);
        assert_eq!(queue.take_first(), Some(entry));
        assert_eq!(queue.take_expired(20), None);
        queue.add(entry);
        assert_eq!(queue.take_expired(20), Some(entry));
        assert!(!queue.has_ready());
    }
}
