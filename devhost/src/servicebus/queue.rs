//! One queue in memory: numbers and times only; the contents stay in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

/// A message, as far as its queue has to know it. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: i64,
    /// Deliveries that have ended without completion.
    pub(super) delivery_count: u32,
    pub(super) expires_at: Option<i64>,
    /// Put aside by a receiver: only who asks for this sequence number gets it.
    pub(super) deferred: bool,
    /// The session, where messages come in sessions.
    pub(super) session: Option<Arc<str>>,
}

#[derive(Debug)]
struct Lock {
    entry: Entry,
    /// `None`: as long as the receiver holds the message's session.
    until: Option<i64>,
}

/// A queue, a subscription, or the dead-letter queue of either.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By sequence number: the order of delivery.
    ready: BTreeMap<i64, Entry>,
    /// By sequence number.
    deferred: BTreeMap<i64, Entry>,
    /// Time and sequence number of ready and deferred messages that expire. A locked message does not expire.
    expiring: BTreeSet<(i64, i64)>,
    locks: HashMap<Uuid, Lock>,
    /// When which lock runs out.
    lapsing: BTreeSet<(i64, Uuid)>,
    /// `None` where messages do not come in sessions.
    sessions: Option<Sessions>,
}

/// Which sessions have messages, and which of them somebody is busy with.
#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<Arc<str>, Session>,
    /// The sessions that can be given out, by the first message of each.
    free: BTreeMap<i64, Arc<str>>,
    /// When which hold on a session runs out.
    lapsing: BTreeMap<(i64, Uuid), Arc<str>>,
}

/// While a message of a session is with a receiver, nobody gets another one: messages of a session are handled in their
/// order, by one at a time.
#[derive(Debug, Default)]
struct Session {
    ready: BTreeSet<i64>,
    /// How many of its messages are with a receiver.
    taken: usize,
    /// Its key in `free`.
    free: Option<i64>,
    /// A receiver that has the session as a whole, with what comes to it later too.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    token: Uuid,
    until: i64,
    /// The tokens of its messages that the receiver has.
    locked: HashSet<Uuid>,
}

impl Sessions {
    fn change(&mut self, id: &Arc<str>, change: impl FnOnce(&mut Session)) {
        let session = self.by_id.entry(Arc::clone(id)).or_default();
        change(session);
        if let Some(first) = session.free.take() {
            self.free.remove(&first);
        }
        if session.taken > 0 || session.held.is_some() {
            return;
        }
        match session.ready.first() {
            Some(first) => {
                session.free = Some(*first);
                self.free.insert(*first, Arc::clone(id));
            }
            None => {
                self.by_id.remove(id);
            }
        }
    }
}

impl Queue {
    /// A queue whose messages come in sessions.
    pub(super) fn with_sessions() -> Self {
        Self {
            sessions: Some(Sessions::default()),
            ..Self::default()
        }
    }

    /// Ready and locked messages.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.locks.len()
    }

    /// Messages that were put aside.
    pub(super) fn deferred_len(&self) -> usize {
        self.deferred.len()
    }

    /// Whether [`Queue::take_first`] has something to give.
    #[cfg(test)]
    fn has_ready(&self) -> bool {
        match &self.sessions {
            None => !self.ready.is_empty(),
            Some(sessions) => !sessions.free.is_empty(),
        }
    }

    /// Makes a message available, at its place; or puts it aside, if it is deferred.
    pub(super) fn add(&mut self, entry: Entry) {
        if let Some(expires_at) = entry.expires_at {
            self.expiring.insert((expires_at, entry.sequence));
        }
        if entry.deferred {
            self.deferred.insert(entry.sequence, entry);
            return;
        }
        self.change_session(&entry, |session| {
            session.ready.insert(entry.sequence);
        });
        self.ready.insert(entry.sequence, entry);
    }

    /// Takes the first available message out, for [`Queue::lock`] or [`Queue::put_back`]. Where there are sessions: the
    /// first one of a session that nobody is busy with.
    pub(super) fn take_first(&mut self) -> Option<Entry> {
        let sequence = match &self.sessions {
            None => *self.ready.first_key_value()?.0,
            Some(sessions) => *sessions.free.first_key_value()?.0,
        };
        self.take(sequence)
    }

    /// Takes out the message that comes after one that was just taken: of the same session, where there are sessions.
    pub(super) fn take_next(&mut self, after: &Entry) -> Option<Entry> {
        let sequence = match (&self.sessions, &after.session) {
            (Some(sessions), Some(id)) => *sessions.by_id.get(id)?.ready.first()?,
            _ => *self.ready.first_key_value()?.0,
        };
        self.take(sequence)
    }

    /// Takes out the first available message of a session.
    pub(super) fn take_in_session(&mut self, id: &str) -> Option<Entry> {
        let sequence = *self.sessions.as_ref()?.by_id.get(id)?.ready.first()?;
        self.take(sequence)
    }

    fn take(&mut self, sequence: i64) -> Option<Entry> {
        let entry = self.remove(sequence)?;
        self.change_session(&entry, |session| session.taken += 1);
        Some(entry)
    }

    /// Takes out a message that was put aside, for [`Queue::lock`].
    pub(super) fn take_deferred(&mut self, sequence: i64) -> Option<Entry> {
        self.deferred.contains_key(&sequence).then(|| self.remove(sequence))?
    }

    /// Removes a message that nobody holds, available or put aside.
    pub(super) fn remove(&mut self, sequence: i64) -> Option<Entry> {
        let entry = self
            .ready
            .remove(&sequence)
            .or_else(|| self.deferred.remove(&sequence))?;
        if let Some(expires_at) = entry.expires_at {
            self.expiring.remove(&(expires_at, sequence));
        }
        self.change_session(&entry, |session| {
            session.ready.remove(&sequence);
        });
        Some(entry)
    }

    /// Undoes [`Queue::take_first`] or [`Queue::take_next`].
    pub(super) fn put_back(&mut self, entry: Entry) {
        self.forget(&entry);
        self.add(entry);
    }

    /// What was taken is not there any more.
    pub(super) fn forget(&mut self, entry: &Entry) {
        self.change_session(entry, |session| session.taken = session.taken.saturating_sub(1));
    }

    fn change_session(&mut self, entry: &Entry, change: impl FnOnce(&mut Session)) {
        if let (Some(sessions), Some(id), false) = (&mut self.sessions, &entry.session, entry.deferred) {
            sessions.change(id, change);
        }
    }

    /// Locks a message that was taken out. One of a session that is held is locked as long as that.
    pub(super) fn lock(&mut self, entry: Entry, token: Uuid, until: i64) {
        let until = if let Some(held) = self.held_mut(entry.session.as_deref()) {
            held.locked.insert(token);
            None
        } else {
            self.lapsing.insert((until, token));
            Some(until)
        };
        self.locks.insert(token, Lock { entry, until });
    }

    /// Undoes [`Queue::unlock`], for `until` where the lock is the message's own.
    pub(super) fn lock_again(&mut self, entry: Entry, token: Uuid, until: i64) {
        self.change_session(&entry, |session| session.taken += 1);
        self.lock(entry, token, until);
    }

    /// Ends a lock that still holds; the caller decides what becomes of the message.
    pub(super) fn unlock(&mut self, token: Uuid, now: i64) -> Option<Entry> {
        if self.locked_until(self.locks.get(&token)?) <= now {
            return None;
        }
        let lock = self.locks.remove(&token)?;
        match lock.until {
            Some(until) => {
                self.lapsing.remove(&(until, token));
            }
            None => {
                if let Some(held) = self.held_mut(lock.entry.session.as_deref()) {
                    held.locked.remove(&token);
                }
            }
        }
        self.forget(&lock.entry);
        Some(lock.entry)
    }

    fn locked_until(&self, lock: &Lock) -> i64 {
        lock.until.unwrap_or_else(|| {
            let held = self.held(lock.entry.session.as_deref());
            held.map_or(i64::MIN, |held| held.until)
        })
    }

    fn held(&self, session: Option<&str>) -> Option<&Held> {
        self.sessions.as_ref()?.by_id.get(session?)?.held.as_ref()
    }

    fn held_mut(&mut self, session: Option<&str>) -> Option<&mut Held> {
        self.sessions.as_mut()?.by_id.get_mut(session?)?.held.as_mut()
    }

    /// Gives a session as a whole to one receiver: a named one, with or without messages, or the first that has some.
    /// `None`: somebody is busy with it, or there is none.
    pub(super) fn hold_session(&mut self, id: Option<&str>, token: Uuid, until: i64) -> Option<Arc<str>> {
        let sessions = self.sessions.as_mut()?;
        let id: Arc<str> = match id {
            Some(id) => {
                let busy = |session: &Session| session.taken > 0 || session.held.is_some();
                if sessions.by_id.get(id).is_some_and(busy) {
                    return None;
                }
                id.into()
            }
            None => Arc::clone(sessions.free.first_key_value()?.1),
        };
        sessions.change(&id, |session| {
            session.held = Some(Held {
                token,
                until,
                locked: HashSet::new(),
            });
        });
        sessions.lapsing.insert((until, token), Arc::clone(&id));
        Some(id)
    }

    /// Whether a receiver still has a session.
    pub(super) fn holds_session(&self, id: &str, token: Uuid, now: i64) -> bool {
        self.held(Some(id))
            .is_some_and(|held| held.token == token && held.until > now)
    }

    /// Prolongs the hold on a session, if it still holds.
    pub(super) fn renew_session(&mut self, id: &str, token: Uuid, now: i64, until: i64) -> bool {
        if !self.holds_session(id, token, now) {
            return false;
        }
        let Some(sessions) = &mut self.sessions else {
            return false;
        };
        let Some(held) = sessions.by_id.get_mut(id).and_then(|session| session.held.as_mut()) else {
            return false;
        };
        sessions.lapsing.remove(&(held.until, token));
        held.until = until;
        sessions.lapsing.insert((until, token), id.into());
        true
    }

    /// Ends the hold on a session. The caller decides what becomes of the messages that the receiver had.
    pub(super) fn release_session(&mut self, id: &str, token: Uuid) -> Vec<Entry> {
        if self.held(Some(id)).is_none_or(|held| held.token != token) {
            return Vec::new();
        }
        let Some(sessions) = &mut self.sessions else {
            return Vec::new();
        };
        let id: Arc<str> = id.into();
        let mut held = None;
        sessions.change(&id, |session| held = session.held.take());
        let Some(held) = held else { return Vec::new() };
        sessions.lapsing.remove(&(held.until, token));
        let mut entries = Vec::with_capacity(held.locked.len());
        for token in held.locked {
            if let Some(lock) = self.locks.remove(&token) {
                self.forget(&lock.entry);
                entries.push(lock.entry);
            }
        }
        entries.sort_unstable_by_key(|entry| entry.sequence);
        entries
    }

    /// Ends one hold on a session that has run out.
    pub(super) fn take_lapsed_session(&mut self, now: i64) -> Option<Vec<Entry>> {
        let ((until, token), id) = self.sessions.as_ref()?.lapsing.first_key_value()?;
        if *until > now {
            return None;
        }
        let (token, id) = (*token, Arc::clone(id));
        Some(self.release_session(&id, token))
    }

    /// The sessions that have messages nobody has settled, by name.
    pub(super) fn session_ids(&self) -> Vec<Arc<str>> {
        let Some(sessions) = &self.sessions else {
            return Vec::new();
        };
        let has_messages = |session: &Session| session.taken > 0 || !session.ready.is_empty();
        let with_messages = sessions.by_id.iter().filter(|(_, session)| has_messages(session));
        let mut ids: Vec<_> = with_messages.map(|(id, _)| Arc::clone(id)).collect();
        ids.sort_unstable();
        ids
    }

    /// Prolongs a lock that still holds.
    pub(super) fn renew(&mut self, token: Uuid, now: i64, until: i64) -> bool {
        match self.locks.get_mut(&token) {
            Some(Lock { until: Some(old), .. }) if *old > now => {
                self.lapsing.remove(&(*old, token));
                *old = until;
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
        let lock = self.locks.remove(&token)?;
        self.forget(&lock.entry);
        Some(lock.entry)
    }

    /// Takes out one message that has expired.
    pub(super) fn take_expired(&mut self, now: i64) -> Option<Entry> {
        let &(expires_at, sequence) = self.expiring.first()?;
        if expires_at > now {
            return None;
        }
        self.remove(sequence)
    }

    /// When the next lock or message runs out.
    pub(super) fn next_event(&self) -> Option<i64> {
        let expiry = self.expiring.first().map(|(at, _)| *at);
        let lapse = self.lapsing.first().map(|(at, _)| *at);
        let session = self
            .sessions
            .as_ref()
            .and_then(|sessions| sessions.lapsing.first_key_value());
        let session = session.map(|((at, _), _)| *at);
        [expiry, lapse, session].into_iter().flatten().min()
    }

    /// Ready and locked messages in their order, from a sequence number on, with the ends of their locks.
    pub(super) fn list(&self, from: i64) -> impl Iterator<Item = (&Entry, Option<i64>)> {
        let mut locked: Vec<&Lock> = self.locks.values().filter(|lock| lock.entry.sequence >= from).collect();
        locked.sort_unstable_by_key(|lock| lock.entry.sequence);
        let mut locked = locked.into_iter().peekable();
        let mut ready = self.ready.range(from..).map(|(_, entry)| entry).peekable();
        std::iter::from_fn(move || match (locked.peek(), ready.peek()) {
            (Some(lock), Some(entry)) if lock.entry.sequence > entry.sequence => {
                ready.next().map(|entry| (entry, None))
            }
            (Some(_), _) => locked.next().map(|lock| (&lock.entry, Some(self.locked_until(lock)))),
            (None, _) => ready.next().map(|entry| (entry, None)),
        })
    }

    /// Messages that were put aside, in their order, from a sequence number on.
    pub(super) fn list_deferred(&self, from: i64) -> impl Iterator<Item = &Entry> {
        self.deferred.range(from..).map(|(_, entry)| entry)
    }

    /// The first messages that nobody holds and that were not put aside: their sequence numbers.
    pub(super) fn ready_before(&self, before: i64, max: usize) -> Vec<i64> {
        self.ready.range(..before).take(max).map(|(n, _)| *n).collect()
    }

    /// The first messages that were put aside: their sequence numbers.
    pub(super) fn deferred_before(&self, before: i64, max: usize) -> Vec<i64> {
        self.deferred.range(..before).take(max).map(|(n, _)| *n).collect()
    }

    /// Whether a message is here and nobody holds it.
    pub(super) fn has(&self, sequence: i64) -> bool {
        self.ready.contains_key(&sequence)
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
            deferred: false,
            session: None,
        }
    }

    fn in_session(sequence: i64, session: &str) -> Entry {
        Entry {
            session: Some(session.into()),
            ..entry(sequence)
        }
    }

    fn sequence(entry: Option<Entry>) -> Option<i64> {
        entry.map(|entry| entry.sequence)
    }

    #[test]
    fn a_message_given_back_keeps_its_place() {
        let mut queue = Queue::default();
        (1..=3).for_each(|n| queue.add(entry(n)));
        let first = queue.take_first().expect("three are ready");
        let token = Uuid::new_v4();
        queue.lock(first, token, 100);
        assert_eq!(queue.len(), 3);
        let listed: Vec<_> = queue.list(0).map(|(entry, until)| (entry.sequence, until)).collect();
        assert_eq!(listed, [(1, Some(100)), (2, None), (3, None)]);
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
        queue.add(entry.clone());
        assert_eq!(queue.take_first(), Some(entry.clone()));
        assert_eq!(queue.take_expired(20), None);
        queue.add(entry.clone());
        assert_eq!(queue.take_expired(20), Some(entry));
        assert!(!queue.has_ready());
    }

    #[test]
    fn a_deferred_message_waits_to_be_asked_for() {
        let mut queue = Queue::with_sessions();
        queue.add(Entry {
            deferred: true,
            expires_at: Some(10),
            ..in_session(1, "a")
        });
        queue.add(in_session(2, "a"));
        assert_eq!((queue.len(), queue.deferred_len()), (1, 1));
        assert_eq!(queue.take_deferred(2), None);
        let deferred = queue.take_deferred(1).expect("it is there");
        assert_eq!(sequence(queue.take_first()), Some(2), "it does not hold up its session");
        queue.add(deferred);
        assert_eq!(sequence(queue.take_expired(10)), Some(1));
    }

    #[test]
    fn a_session_is_with_one_at_a_time_and_in_order() {
        let mut queue = Queue::with_sessions();
        for (n, session) in [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a")] {
            queue.add(in_session(n, session));
        }
        let a = queue.take_first().expect("a is free");
        let b = queue.take_first().expect("b is free");
        assert_eq!((a.sequence, b.sequence), (1, 2));
        assert!(!queue.has_ready(), "both sessions are busy");
        let a2 = queue.take_next(&a).expect("the session has more");
        assert_eq!(a2.sequence, 3);
        let (one, two, other) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        queue.lock(a, one, 100);
        queue.lock(a2, two, 100);
        queue.lock(b, other, 50);
        // One of two is given back: the session is still busy.
        let back = queue.unlock(one, 10).expect("the lock holds");
        queue.add(back);
        assert!(!queue.has_ready());
        assert!(queue.unlock(two, 10).is_some(), "completed");
        assert_eq!(
            sequence(queue.take_first()),
            Some(1),
            "given back, it is the first again"
        );
        // The lock of b runs out; its first message comes first again.
        let lapsed = queue.take_lapsed(50).expect("it ran out");
        queue.add(lapsed);
        let b = queue.take_first().expect("b is free again");
        assert_eq!(b.sequence, 2);
        queue.forget(&b);
        assert_eq!(sequence(queue.take_first()), Some(4));
    }

    #[test]
    fn a_session_that_is_held_is_with_its_holder_until_that_ends() {
        let mut queue = Queue::with_sessions();
        for (n, session) in [(1, "a"), (2, "b"), (3, "a")] {
            queue.add(in_session(n, session));
        }
        let (hold, one) = (Uuid::new_v4(), Uuid::new_v4());
        assert_eq!(queue.hold_session(None, hold, 100).as_deref(), Some("a"));
        assert_eq!(queue.hold_session(Some("a"), Uuid::new_v4(), 100), None, "it is taken");
        assert_eq!(sequence(queue.take_first()), Some(2), "others get other sessions");
        assert!(!queue.has_ready());
        let first = queue.take_in_session("a").expect("it has messages");
        queue.lock(first, one, 1);
        assert!(queue.renew_session("a", hold, 50, 200));
        assert!(!queue.renew(one, 50, 300), "it has no lock of its own");
        assert_eq!(
            queue.list(0).next().map(|(entry, until)| (entry.sequence, until)),
            Some((1, Some(200)))
        );
        let first = queue.unlock(one, 150).expect("held with its session");
        queue.add(first);
        assert!(!queue.has_ready(), "held without messages in hand, too");
        let first = queue.take_in_session("a").expect("given back");
        queue.lock(first, one, 1);
        assert_eq!(queue.take_lapsed_session(199), None);
        assert_eq!(queue.next_event(), Some(200));
        assert_eq!(queue.unlock(one, 200), None, "over at its time");
        let back = queue.take_lapsed_session(200).expect("it ran out");
        assert_eq!(back.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1]);
        assert!(!queue.holds_session("a", hold, 0));
        for entry in back {
            queue.add(entry);
        }
        assert_eq!(sequence(queue.take_first()), Some(1));
    }

    #[test]
    fn a_named_session_can_be_held_before_it_has_messages() {
        let mut queue = Queue::with_sessions();
        let hold = Uuid::new_v4();
        assert_eq!(queue.hold_session(None, hold, 100), None);
        assert_eq!(queue.hold_session(Some("a"), hold, 100).as_deref(), Some("a"));
        queue.add(in_session(1, "a"));
        assert!(!queue.has_ready() && queue.session_ids() == ["a".into()]);
        assert_eq!(sequence(queue.take_in_session("a")), Some(1));
        assert_eq!(queue.release_session("a", Uuid::new_v4()), [], "not its holder");
        assert!(queue.holds_session("a", hold, 99));
    }

    #[test]
    fn a_session_without_messages_is_forgotten() {
        let mut queue = Queue::with_sessions();
        for n in 0..100 {
            queue.add(in_session(n, &n.to_string()));
            let entry = queue.take_first().expect("it is ready");
            let token = Uuid::new_v4();
            queue.lock(entry, token, 100);
            queue.unlock(token, 1).expect("the lock holds");
        }
        assert!(queue.sessions.is_some_and(|sessions| sessions.by_id.is_empty()));
    }
}
