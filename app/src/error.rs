//! What a use case answers when it does not do what was asked.

use inventory_domain::Refusal;
use inventory_store::{Logged, StoreError};

/// Why a use case did not do its work. Details for operators are logged where the error arises; what is in here may be
/// shown to the caller.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another request with the same idempotency key is being worked on.
    #[error("a request with this idempotency key is being worked on")]
    IdempotencyInUse,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The settings do not switch this part on; what it needs is named.
    #[error("{0} is not configured here")]
    NotConfigured(&'static str),
    /// Something outside is away or overloaded; trying later may help.
    #[error("a service that is needed is not available")]
    Unavailable,
    /// A fault of ours.
    #[error("something went wrong")]
    Internal,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::Refused(refusal),
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %Logged(&source), "the database is not available");
                Self::Unavailable
            }
            StoreError::Data(source) => {
                tracing::error!(error = %Logged(&source), "the database refused the data");
                Self::Internal
            }
            StoreError::Internal(source) => {
                tracing::error!(error = %Logged(&source), "the database answered something unexpected");
                Self::Internal
            }
        }
    }
}
