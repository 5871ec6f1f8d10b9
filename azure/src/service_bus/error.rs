//! Why a message was not sent, and whether trying again can help.

use fe2o3_amqp_types::definitions::{self, ErrorCondition};
use fe2o3_amqp_types::primitives::Symbol;

/// Why a message was not sent, or is not known to have been sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no connection; nothing was sent. Transient.
    #[error("Service Bus cannot be reached: {0}")]
    NotConnected(String),
    /// The connection broke before the answer came: the message may have arrived. Transient: send it again with the
    /// same message id.
    #[error("the connection to Service Bus broke before it answered: {0}")]
    Unanswered(String),
    /// No answer came in time: the message may have arrived. Transient: send it again with the same message id.
    #[error("Service Bus did not answer in time")]
    TimedOut,
    /// The service is busy, or had an error of its own. Transient.
    #[error("Service Bus takes no messages now: {0}")]
    Busy(String),
    /// The message is larger than the entity takes. Permanent.
    #[error("the message is too large: {0}")]
    TooLarge(String),
    /// There is no such queue or topic. Permanent, until somebody makes it.
    #[error("there is no queue or topic '{0}'")]
    EntityNotFound(String),
    /// The key is wrong, or does not allow sending. Permanent, until somebody changes it.
    #[error("Service Bus refuses access: {0}")]
    Unauthorized(String),
    /// The service refuses the message as it is. Permanent.
    #[error("Service Bus rejects the message: {0}")]
    Rejected(String),
    /// The settings ask for what this program cannot do. Permanent.
    #[error("{0}")]
    Configuration(String),
}

impl SendError {
    /// Whether the same message may be accepted when it is sent again, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotConnected(_) | Self::Unanswered(_) | Self::TimedOut | Self::Busy(_) => true,
            Self::TooLarge(_)
            | Self::EntityNotFound(_)
            | Self::Unauthorized(_)
            | Self::Rejected(_)
            | Self::Configuration(_) => false,
        }
    }

    /// What an error that the service sent means. What is not known to be permanent is transient: to try once too
    /// often loses nothing.
    pub(super) fn from_service(error: Option<&definitions::Error>, entity: &str) -> Self {
        let Some(error) = error else {
            return Self::Busy("it gave no reason".to_owned());
        };
        let condition = symbol(&error.condition);
        let description = error
            .description
            .clone()
            .unwrap_or_else(|| condition.as_str().to_owned());
        match condition.as_str() {
            "amqp:not-found" => Self::EntityNotFound(entity.to_owned()),
            "amqp:unauthorized-access" | "com.microsoft:auth-failed" => Self::Unauthorized(description),
            "amqp:link:message-size-exceeded" => Self::TooLarge(description),
            "amqp:not-allowed"
            | "amqp:not-implemented"
            | "amqp:invalid-field"
            | "amqp:decode-error"
            | "com.microsoft:argument-error"
            | "com.microsoft:argument-out-of-range"
            | "com.microsoft:entity-disabled" => Self::Rejected(description),
            _ => Self::Busy(description),
        }
    }
}

/// The condition as it stands on the wire.
fn symbol(condition: &ErrorCondition) -> Symbol {
    match condition {
        ErrorCondition::AmqpError(error) => Symbol::from(error),
        ErrorCondition::ConnectionError(error) => Symbol::from(error),
        ErrorCondition::SessionError(error) => Symbol::from(error),
        ErrorCondition::LinkError(error) => Symbol::from(error),
        ErrorCondition::Custom(symbol) => symbol.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says_becomes_permanent_or_transient() {
        for (condition, is_transient) in [
            ("amqp:not-found", false),
            ("amqp:unauthorized-access", false),
            ("amqp:link:message-size-exceeded", false),
            ("amqp:not-allowed", false),
            ("com.microsoft:argument-error", false),
            ("com.microsoft:server-busy", true),
            ("com.microsoft:timeout", true),
            ("amqp:internal-error", true),
            ("amqp:resource-limit-exceeded", true),
            ("com.microsoft:something-new", true),
        ] {
            let error = definitions::Error {
                condition: ErrorCondition::Custom(Symbol::from(condition)),
                description: None,
                info: None,
            };
            assert_eq!(
                SendError::from_service(Some(&error), "orders").is_transient(),
                is_transient,
                "{condition}"
            );
        }
    }
}
