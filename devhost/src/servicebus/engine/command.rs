//! What the engine is asked to do.

use std::sync::Arc;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::servicebus::error::BrokerError;
use crate::servicebus::message::{Delivery, Envelope, MessageState, Peeked, PeekedMessage, SessionLock};
use crate::servicebus::options::QueueOptions;
use crate::servicebus::rules::Rule;

/// A queue or its dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::servicebus) struct QueueKey {
    pub(in crate::servicebus) entity: i64,
    pub(in crate::servicebus) dead_letter: bool,
}

/// What to do with locked messages.
#[derive(Debug, Clone)]
pub(in crate::servicebus) enum Settlement {
    Complete,
    /// `changes`, here and below: what becomes of the message's own properties.
    Abandon {
        changes: Map<String, Value>,
    },
    DeadLetter {
        reason: String,
        description: String,
        changes: Map<String, Value>,
    },
    Defer {
        changes: Map<String, Value>,
    },
    /// The receiver went away before it got the messages: as if they had never been delivered.
    Return,
}

/// A session, and the proof that one holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::servicebus) struct SessionKey {
    pub(in crate::servicebus) id: Arc<str>,
    pub(in crate::servicebus) token: Uuid,
}

/// What a receiver wants.
#[derive(Debug, Clone)]
pub(in crate::servicebus) struct Want {
    /// At most so many messages.
    pub(in crate::servicebus) max: usize,
    /// No more than one message beyond so many bytes of bodies.
    pub(in crate::servicebus) bytes_max: usize,
    /// Whether to wait for one message at least; else the answer may have none.
    pub(in crate::servicebus) wait: bool,
    /// Only messages of a session that the receiver holds.
    pub(in crate::servicebus) session: Option<SessionKey>,
}

/// What is to be done to the rules of a subscription.
#[derive(Debug)]
pub(in crate::servicebus) enum RuleChange {
    Add(Box<Rule>),
    /// By name.
    Remove(String),
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
        want: Want,
        answer: Answer<Vec<Delivery>>,
    },
    ReceiveDeferred {
        queue: QueueKey,
        sequences: Vec<i64>,
        /// Where messages come in sessions: the one they are of.
        session: Option<SessionKey>,
        answer: Answer<Vec<Delivery>>,
    },
    Settle {
        queue: QueueKey,
        tokens: Vec<Uuid>,
        settlement: Settlement,
        answer: Option<Answer<()>>,
    },
    /// The answer says until when the locks hold now.
    Renew {
        queue: QueueKey,
        tokens: Vec<Uuid>,
        answer: Answer<OffsetDateTime>,
    },
    /// Holds a session: a named one at once or not at all, else the next that has messages.
    AcceptSession {
        queue: QueueKey,
        id: Option<String>,
        answer: Answer<SessionLock>,
    },
    RenewSession {
        queue: QueueKey,
        session: SessionKey,
        answer: Answer<OffsetDateTime>,
    },
    ReleaseSession {
        queue: QueueKey,
        session: SessionKey,
    },
    SessionState {
        queue: QueueKey,
        session: SessionKey,
        answer: Answer<Option<Vec<u8>>>,
    },
    SetSessionState {
        queue: QueueKey,
        session: SessionKey,
        state: Option<Vec<u8>>,
        answer: Answer<()>,
    },
    /// The names of the sessions that have messages.
    Sessions {
        queue: QueueKey,
        answer: Answer<Vec<Arc<str>>>,
    },
    Peek {
        entity: i64,
        state: MessageState,
        wanted: Wanted,
        answer: Answer<Peeked>,
    },
    /// Messages in whatever state, in the order of their sequence numbers.
    Browse {
        queue: QueueKey,
        wanted: Wanted,
        /// Only those of this session.
        session: Option<String>,
        answer: Answer<Vec<(MessageState, PeekedMessage)>>,
    },
    ChangeRules {
        entity: i64,
        change: RuleChange,
        answer: Answer<()>,
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
            Self::Settle { tokens, .. } | Self::Renew { tokens, .. } => tokens.len(),
            Self::Resubmit { sequences, .. } => sequences.len(),
            Self::Purge { .. } | Self::ResubmitAll { .. } => super::inspect::CHUNK_MESSAGES,
            _ => 1,
        }
    }
}
