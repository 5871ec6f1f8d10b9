//! What can go wrong at the broker.

use std::path::PathBuf;

/// Why the broker refused or failed.
///
/// It can be cloned because one failed commit fails every operation that shared it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// No such queue, topic or subscription.
    #[error("The messaging entity '{0}' could not be found.")]
    NotFound(String),
    /// A message is larger than its entity takes.
    #[error("The message has {bytes} bytes; '{entity}' takes at most {limit}.")]
    TooLarge {
        /// The queue or topic.
        entity: String,
        /// Body and properties of the message, in bytes.
        bytes: usize,
        /// What the entity takes, in bytes.
        limit: usize,
    },
    /// The request makes no sense for this entity, for example sending to a subscription.
    #[error("{0}")]
    Invalid(String),
    /// No such message, or a receiver holds it. Nothing of the operation happened.
    #[error(
        "'{entity}' has no such message, or a receiver holds it: {}.",
        list(sequence_numbers)
    )]
    NoSuchMessage {
        /// The entity.
        entity: String,
        /// What was asked for and is not there.
        sequence_numbers: Vec<i64>,
    },
    /// Some locks had run out, or never were. The other messages of the call are settled.
    #[error("{lost} of {asked} locks had expired or were never given.")]
    LockLost {
        /// How many of the tokens held no message.
        lost: usize,
        /// How many tokens the call named.
        asked: usize,
    },
    /// The hold on a session has run out, or never was. Its messages are available again.
    #[error("The lock on the session '{0}' has expired or was never given.")]
    SessionLockLost(String),
    /// Somebody else is busy with the session.
    #[error("The requested session '{0}' cannot be accepted. It may be locked by another receiver.")]
    SessionCannotBeLocked(String),
    /// The subscription has a rule of that name.
    #[error("The rule '{0}' exists already.")]
    RuleExists(String),
    /// The subscription has no rule of that name.
    #[error("The messaging entity '{0}' could not be found: there is no such rule.")]
    NoSuchRule(String),
    /// Too many messages come in at once.
    #[error(
        "The request was terminated because the namespace is being throttled. Error code: 50009. Please wait 2 seconds and try \
         again."
    )]
    Busy,
    /// The configuration file cannot be used.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file that holds the messages failed; nothing of the operation happened.
    #[error("The broker's storage failed: {0}")]
    Storage(String),
    /// The broker's thread has ended.
    #[error("The broker has stopped.")]
    Stopped,
}

impl From<rusqlite::Error> for BrokerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

fn list(numbers: &[i64]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(", ")
}
