//! Why a message was not sent, and whether trying again can help.

use std::time::Duration;

use fe2o3_amqp_types::definitions::{self, ErrorCondition};
use fe2o3_amqp_types::primitives::Symbol;

/// How long to wait when the service is too busy and does not say: what its other SDKs do.
const THROTTLED_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that is believed.
const THROTTLED_WAIT_MAX: Duration = Duration::from_mins(5);

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
    /// The namespace is sent more than it takes. Transient: nothing is sent before `retry_after` is over.
    #[error("Service Bus asks to wait for {} s: {reason}", retry_after.as_secs())]
    Throttled {
        /// What the service says.
        reason: String,
        /// How long it asks to wait.
        retry_after: Duration,
    },
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
            Self::NotConnected(_) | Self::Unanswered(_) | Self::TimedOut | Self::Busy(_) | Self::Throttled { .. } => {
                true
            }
            Self::TooLarge(_)
            | Self::EntityNotFound(_)
            | Self::Unauthorized(_)
            | Self::Rejected(_)
            | Self::Configuration(_) => false,
        }
    }

    /// Whether it is this message that is refused: others may pass, and this one never will. Anything else is about the
    /// service, the entity or the key, and passes when that is mended.
    pub fn concerns_message(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::Rejected(_))
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// Too much was sent. Without a time in the answer it is that of the other SDKs.
    pub(super) fn throttled(reason: String, retry_after: Option<Duration>) -> Self {
        let retry_after = retry_after
            .or_else(|| wait_asked_for(&reason))
            .unwrap_or(THROTTLED_WAIT);
        Self::Throttled {
            reason,
            retry_after: retry_after.min(THROTTLED_WAIT_MAX),
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
            "com.microsoft:server-busy" => Self::throttled(description, None),
            "amqp:not-allowed"
            | "amqp:not-implemented"
            | "amqp:invalid-field"
            | "amqp:decode-error"
            | "com.microsoft:argument-error"
            | "com.microsoft:argument-out-of-range" => Self::Rejected(description),
            _ => Self::Busy(description),
        }
    }
}

/// The time in "Please wait 4 seconds and try again".
fn wait_asked_for(reason: &str) -> Option<Duration> {
    let (_, rest) = reason.split_once("wait ")?;
    let (number, rest) = rest.split_once(' ')?;
    rest.starts_with("second")
        .then(|| number.parse().ok().map(Duration::from_secs))?
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

    #[test]
    fn a_busy_service_says_how_long_to_wait() {
        let busy = |description: &str| {
            let error = definitions::Error {
                condition: ErrorCondition::Custom(Symbol::from("com.microsoft:server-busy")),
                description: Some(description.to_owned()),
                info: None,
            };
            SendError::from_service(Some(&error), "orders").retry_after()
        };
        let said = "The request was terminated because the namespace n is being throttled. Error code : 50009. Please wait \
                    4 seconds and try again.";
        assert_eq!(busy(said), Some(Duration::from_secs(4)));
        assert_eq!(busy("Please wait a moment"), Some(THROTTLED_WAIT));
        assert_eq!(busy("wait 99999999999 seconds"), Some(THROTTLED_WAIT_MAX));
        assert_eq!(busy(""), Some(THROTTLED_WAIT));
    }

    #[test]
    fn only_what_is_wrong_with_a_message_refuses_it_for_ever() {
        for (error, concerns_message) in [
            (SendError::TooLarge(String::new()), true),
            (SendError::Rejected(String::new()), true),
            (SendError::Unauthorized(String::new()), false),
            (SendError::EntityNotFound(String::new()), false),
            (SendError::Configuration(String::new()), false),
            (SendError::TimedOut, false),
        ] {
            assert_eq!(error.concerns_message(), concerns_message, "{error}");
        }
    }
}
