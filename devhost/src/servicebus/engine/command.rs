//! What the engine is asked to do.

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{Delivery, Envelope, MessageState, Peeked};
use crate::servicebus::options::QueueOptions;

/// A queue or its dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::servicebus) struct QueueKey {
    pub(in crate::servicebus) entity: i64,
    pub(in crate::servicebus) dead_letter: bool,
}

/// What to do with locked messages.
#[derive(Debug)]
pub(in crate::servicebus) enum Settlement {
    Complete,
    Abandon,
    DeadLetter {
        reason: String,
        description: String,
    },
    Defer,
    Renew,
    /// The receiver went away before it got the messages: as if they had never been delivered.
    Return,
}

/// What to do about an entity that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::servicebus) enum Existing {
    Keep,
    Update,
}

/// How a command is answered.
pub(in crate::servicebus) type Answer<T> = oneshot::Sender<Result<T, BrokerError>>;

/// What the engine is asked to do.
pub(in crate::servicebus) enum Command {
    Ensure {
        /// Of a subscription without its topic's.
        name: String,
        /// The topic's name, for a subscription.
        topic: Option<String>,
        is_topic: bool,
        options: QueueOptions,
        existing: Existing,
        /// Not a future: entities are also made outside of asynchronous code.
        answer: std::sync::mpsc::Sender<Result<(), BrokerError>>,
    },
    Send {
        entity: i64,
        envelopes: Vec<Envelope>,
        answer: Answer<Vec<i64>>,
    },
    CancelScheduled {
        entity: i64,
        sequences: Vec<i64>,
        answer: Answer<()>,
    },
    Receive {
        queue: QueueKey,
        max: usize,
        answer: Answer<Vec<Delivery>>,
    },
    ReceiveDeferred {
        queue: QueueKey,
        sequences: Vec<i64>,
        answer: Answer<Vec<Delivery>>,
    },
    Settle {
        queue: QueueKey,
        tokens: Vec<Uuid>,
        settlement: Settlement,
        answer: Option<Answer<()>>,
    },
    Peek {
        entity: i64,
        state: MessageState,
        wanted: Wanted,
        answer: Answer<Peeked>,
    },
    /// Deletes some of the messages below a sequence number; the answer says how many and that number. Ask until there are
    /// none.
    Purge {
        entity: i64,
        state: MessageState,
        before: Option<i64>,
        answer: Answer<(usize, i64)>,
    },
    /// Dead letters of these numbers; the answer has their new ones.
    Resubmit {
        entity: i64,
        sequences: Vec<i64>,
        answer: Answer<Vec<i64>>,
    },
    /// Some of the dead letters below a sequence number, as [`Command::Purge`] does.
    ResubmitAll {
        entity: i64,
        before: Option<i64>,
        answer: Answer<(usize, i64)>,
    },
}

/// Which messages to show, and how much of them.
#[derive(Debug)]
pub(in crate::servicebus) struct Wanted {
    /// The lowest sequence number.
    pub(in crate::servicebus) from: i64,
    pub(in crate::servicebus) skip: usize,
    pub(in crate::servicebus) count: usize,
    pub(in crate::servicebus) body_bytes_max: usize,
}

impl Command {
    /// How much of a round this takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Send { envelopes, .. } => envelopes.len(),
            Self::Settle { tokens, .. } => tokens.len(),
            Self::Resubmit { sequences, .. } => sequences.len(),
            Self::Purge { .. } | Self::ResubmitAll { .. } => super::inspect::CHUNK_MESSAGES,
            _ => 1,
        }
    }
}
