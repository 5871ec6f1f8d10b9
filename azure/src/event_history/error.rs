//! Why the event history did not do something, and whether trying again can help.

use azure_data_cosmos::CosmosError;
use std::time::Duration;

/// Why the event history did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// It cannot be reached, gives no access, or lacks its database or container: somebody or time can help. Transient.
    #[error("Cosmos DB is away: {0}")]
    Away(String),
    /// No answer came in time: it may have been done. Transient; doing it again is safe.
    #[error("Cosmos DB did not answer in time")]
    TimedOut,
    /// More was asked than the container's throughput allows (429), even after waiting as long as Cosmos DB said. Transient.
    #[error("Cosmos DB takes no more requests now")]
    Throttled {
        /// How long to wait, where it said so.
        retry_after: Option<Duration>,
    },
    /// The container ignores when its items should expire. What is kept is kept. Lasts until somebody switches it on.
    #[error("the container's time to live is off: nothing that it keeps expires")]
    TimeToLiveOff,
    /// The event is refused as it is. Permanent.
    #[error("Cosmos DB refuses the event: {0}")]
    Refused(String),
}

impl HistoryError {
    /// Whether the same may be done when it is tried again.
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// How long to wait before trying again, where the service said so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// What the status of an answer means. What is not known to be permanent is transient: to try once too often loses
    /// nothing, to give up too early loses the event.
    pub(super) fn from_status(status: u16, retry_after: Option<Duration>, detail: impl FnOnce() -> String) -> Self {
        match status {
            429 => Self::Throttled { retry_after },
            408 => Self::TimedOut,
            // Malformed, or larger than an item may be (2 MB).
            400 | 413 => Self::Refused(detail()),
            _ => Self::Away(detail()),
        }
    }
}

impl From<CosmosError> for HistoryError {
    fn from(error: CosmosError) -> Self {
        let retry_after = error
            .response()
            .and_then(|response| response.headers().retry_after_ms)
            .map(Duration::from_millis);
        // A 400 that the service did not send is a fault in how it was asked, which a better program may do better.
        let is_from_service = error.is_from_wire();
        match Self::from_status(u16::from(error.status().status_code()), retry_after, || {
            error.to_string()
        }) {
            Self::Refused(detail) if !is_from_service => Self::Away(detail),
            error => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_never_be_taken_is_permanent() {
        for (status, is_transient) in [
            (400, false),
            (413, false),
            (401, true),
            (403, true),
            (404, true),
            (408, true),
            (410, true),
            (429, true),
            (449, true),
            (500, true),
            (503, true),
        ] {
            let error = HistoryError::from_status(status, None, String::new);
            assert_eq!(error.is_transient(), is_transient, "{status}");
        }
        let wait = Duration::from_millis(250);
        let throttled = HistoryError::from_status(429, Some(wait), String::new);
        assert_eq!(throttled.retry_after(), Some(wait));
    }
}
