//! Messages that come: to stay, to wait for their time, to be copied, to be forwarded, to be refused.

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, now};
use crate::servicebus::BrokerMessage;
use crate::servicebus::broker::PROPERTIES_BYTES_MAX;
use crate::servicebus::directory::{EntityInfo, Kind};
use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{Envelope, later};
use crate::servicebus::rules::Outcome;
use crate::servicebus::storage::{IndexRow, State};

/// How often a message may be forwarded, as in Azure.
const FORWARD_HOPS_MAX: u32 = 4;

/// Reasons and descriptions of dead letters, in Azure's words where it has some.
const TOO_MANY_HOPS: (&str, &str) = (
    "MaxTransferHopCountExceeded",
    "The maximum number of allowed hops when forwarding between queues was exceeded. This value is set to 4.",
);
const NO_SESSION: (&str, &str) = (
    "Session ID is null.",
    "Session enabled entity doesn't allow a message whose session identifier is null.",
);
const NO_DESTINATION: (&str, &str) = (
    "MessagingEntityNotFoundException",
    "The queue or topic that messages are forwarded to does not exist.",
);

const PROPERTIES_TOO_LARGE: (&str, &str) = (
    "HeaderSizeExceeded",
    "The size quota for this stream has been exceeded.",
);

impl Engine {
    pub(super) fn send(
        &mut self,
        id: i64,
        envelopes: Vec<Envelope>,
    ) -> rusqlite::Result<Result<Vec<i64>, BrokerError>> {
        if !self.entities.contains_key(&id) {
            return Ok(Err(BrokerError::Stopped));
        }
        let now = now();
        let mut sequences = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let sequence = self.storage.allocate();
            if let Some(first) = self.is_duplicate(id, sequence, now, &envelope)? {
                sequences.push(first);
                continue;
            }
            match envelope.scheduled_at.filter(|at| *at > now) {
                Some(at) => self.schedule(id, sequence, at, &envelope)?,
                None => self.enqueue(id, sequence, now, &envelope)?,
            }
            sequences.push(sequence);
        }
        Ok(Ok(sequences))
    }

    fn schedule(&mut self, id: i64, sequence: i64, at: i64, envelope: &Envelope) -> rusqlite::Result<()> {
        let row = IndexRow {
            sequence,
            entity: id,
            state: State::Scheduled,
            delivery_count: 0,
            enqueued_at: at,
            expires_at: None,
            session: None,
        };
        self.storage.insert(&row, envelope)?;
        if let Some(entity) = self.entities.get_mut(&id) {
            entity.scheduled.insert((at, sequence));
        }
        Ok(())
    }

    /// Makes a message available: in the queue itself, or a copy in each subscription of the topic.
    pub(super) fn enqueue(&mut self, id: i64, sequence: i64, now: i64, envelope: &Envelope) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get(&id) else {
            return Ok(());
        };
        if entity.info.kind != Kind::Topic {
            return self.arrive(id, sequence, now, envelope, None);
        }
        let limit = entity.info.options.default_time_to_live;
        let subscriptions = entity.subscriptions.clone();
        // Taken apart once, and only if somebody looks at it.
        let mut message = None;
        for subscription in subscriptions {
            let Some(info) = self.entities.get(&subscription).map(|entity| Arc::clone(&entity.info)) else {
                continue;
            };
            if info.options.takes_nothing {
                continue;
            }
            if info.options.rules.is_empty() {
                let sequence = self.storage.allocate();
                self.arrive(subscription, sequence, now, envelope, limit)?;
                continue;
            }
            let message = message.get_or_insert_with(|| envelope.message());
            self.filter(&info, message, now, envelope, limit)?;
        }
        Ok(())
    }

    /// A message of the topic meets the rules of a subscription.
    fn filter(
        &mut self,
        info: &EntityInfo,
        message: &BrokerMessage,
        now: i64,
        envelope: &Envelope,
        limit: Option<Duration>,
    ) -> rusqlite::Result<()> {
        let mut taken = false;
        let mut failure = None;
        for rule in &info.options.rules {
            match rule.apply(message) {
                Ok(Outcome::Passed) => {}
                Ok(Outcome::Taken) => taken = true,
                Ok(Outcome::Changed(copy)) => {
                    let copy = Envelope {
                        hops: envelope.hops,
                        dead_letter: envelope.dead_letter.clone(),
                        ..Envelope::from(*copy)
                    };
                    let sequence = self.storage.allocate();
                    if copy.properties.len() > PROPERTIES_BYTES_MAX {
                        self.refuse(info.id, sequence, now, &copy, PROPERTIES_TOO_LARGE)?;
                    } else {
                        self.arrive(info.id, sequence, now, &copy, limit)?;
                    }
                }
                Err(error) => failure = Some(error.to_string()),
            }
        }
        if taken {
            let sequence = self.storage.allocate();
            self.arrive(info.id, sequence, now, envelope, limit)?;
        }
        if let Some(description) = failure.filter(|_| info.options.dead_lettering_on_filter_errors) {
            let sequence = self.storage.allocate();
            self.refuse(info.id, sequence, now, envelope, ("FilterException", &description))?;
        }
        Ok(())
    }

    /// A message comes to a queue or subscription, where it stays, goes on, or cannot be. `limit`: the time to live that
    /// the topic imposes.
    fn arrive(
        &mut self,
        id: i64,
        sequence: i64,
        now: i64,
        envelope: &Envelope,
        limit: Option<Duration>,
    ) -> rusqlite::Result<()> {
        let Some(info) = self.entities.get(&id).map(|entity| Arc::clone(&entity.info)) else {
            return Ok(());
        };
        if let Some(target) = &info.options.forward_to {
            return match self.next_hop(target, envelope) {
                Ok(target) => self.forward(target, sequence, now, envelope.clone()),
                Err(reason) => self.refuse(id, sequence, now, envelope, reason),
            };
        }
        if info.options.requires_session && envelope.session_id.is_none() {
            return self.refuse(id, sequence, now, envelope, NO_SESSION);
        }
        self.append(id, sequence, now, envelope, limit)
    }

    /// Where a message goes on to, or the reason and description of why it cannot.
    fn next_hop(&self, target: &str, envelope: &Envelope) -> Result<i64, (&'static str, &'static str)> {
        if envelope.hops >= FORWARD_HOPS_MAX {
            return Err(TOO_MANY_HOPS);
        }
        match self.directory.find(target) {
            Ok((info, false)) if !matches!(info.kind, Kind::Subscription(_)) => {
                if info.options.requires_session && envelope.session_id.is_none() {
                    return Err(NO_SESSION);
                }
                Ok(info.id)
            }
            _ => Err(NO_DESTINATION),
        }
    }

    /// Sends a message on to a queue or topic.
    fn forward(&mut self, target: i64, sequence: i64, now: i64, mut envelope: Envelope) -> rusqlite::Result<()> {
        envelope.hops += 1;
        if self.is_duplicate(target, sequence, now, &envelope)?.is_some() {
            return Ok(());
        }
        self.enqueue(target, sequence, now, &envelope)
    }

    /// A message that has just come cannot stay.
    fn refuse(
        &mut self,
        id: i64,
        sequence: i64,
        now: i64,
        envelope: &Envelope,
        (reason, description): (&str, &str),
    ) -> rusqlite::Result<()> {
        let mut envelope = envelope.clone();
        envelope.dead_letter.because(reason, description);
        self.bury_envelope(id, sequence, 0, now, envelope)
    }

    /// Puts a message that is stored nowhere into the dead-letter queue, or sends it on to where dead letters go.
    pub(super) fn bury_envelope(
        &mut self,
        id: i64,
        sequence: i64,
        delivery_count: u32,
        now: i64,
        mut envelope: Envelope,
    ) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(());
        };
        let info = Arc::clone(&entity.info);
        if let Some(target) = &info.options.forward_dead_letters_to
            && let Ok(target) = self.next_hop(target, &envelope)
        {
            envelope.dead_letter.source = Some(info.name.clone());
            let sequence = self.storage.allocate();
            return self.forward(target, sequence, now, envelope);
        }
        let row = IndexRow {
            sequence,
            entity: id,
            state: State::Dead,
            delivery_count,
            enqueued_at: now,
            expires_at: None,
            session: None,
        };
        self.storage.insert(&row, &envelope)?;
        if let Some(entity) = self.entities.get_mut(&id) {
            entity.dead.add(row.entry(None));
        }
        Ok(())
    }

    fn append(
        &mut self,
        id: i64,
        sequence: i64,
        now: i64,
        envelope: &Envelope,
        limit: Option<Duration>,
    ) -> rusqlite::Result<()> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(());
        };
        let time_to_live = [envelope.time_to_live, limit].into_iter().flatten().min();
        let row = IndexRow {
            sequence,
            entity: id,
            state: State::Ready,
            delivery_count: 0,
            enqueued_at: now,
            expires_at: entity.expires_at(now, time_to_live),
            session: None,
        };
        self.storage.insert(&row, envelope)?;
        let session = entity.session(envelope.session_id.as_deref());
        entity.active.add(row.entry(session));
        Ok(())
    }

    /// The sequence number of the message that had this one's id before, where that matters.
    fn is_duplicate(&mut self, id: i64, sequence: i64, now: i64, envelope: &Envelope) -> rusqlite::Result<Option<i64>> {
        let Some(options) = self.entities.get(&id).map(|entity| &entity.info.options) else {
            return Ok(None);
        };
        if !options.requires_duplicate_detection {
            return Ok(None);
        }
        let until = later(now, options.duplicate_detection_history);
        self.storage.remember(id, &envelope.message_id, sequence, now, until)
    }

    /// Takes scheduled messages back: all of them or, if one is not there, none.
    pub(super) fn cancel_scheduled(&mut self, id: i64, sequences: &[i64]) -> rusqlite::Result<Result<(), BrokerError>> {
        let Some(entity) = self.entities.get_mut(&id) else {
            return Ok(Err(BrokerError::Stopped));
        };
        let due: Vec<_> = entity
            .scheduled
            .iter()
            .filter(|(_, n)| sequences.contains(n))
            .copied()
            .collect();
        let missing: Vec<i64> = sequences
            .iter()
            .filter(|n| !due.iter().any(|(_, due)| due == *n))
            .copied()
            .collect();
        if !missing.is_empty() {
            return Ok(Err(BrokerError::NoSuchMessage {
                entity: entity.info.name.clone(),
                sequence_numbers: missing,
            }));
        }
        for scheduled in due {
            entity.scheduled.remove(&scheduled);
            self.storage.delete(scheduled.1)?;
        }
        Ok(Ok(()))
    }
}
