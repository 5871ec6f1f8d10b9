//! Why an invocation failed.

use crate::handler::{NotReady, SendError};

/// A failed invocation. The words follow the host's where it has any.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There is no handler to call.
    #[error("{0}")]
    NotReady(#[from] NotReady),
    /// The call did not reach it, or broke off.
    #[error("{0}")]
    Send(#[from] SendError),
    /// The answer's body broke off or is too long.
    #[error("the handler's answer could not be read: {0}")]
    Body(String),
    /// It took longer than `functionTimeout`.
    #[error("Timeout value of {0:?} was exceeded by function")]
    TimedOut(std::time::Duration),
    /// An answer that points to where this host does not go.
    #[error(
        "the answer redirects to {0}, where this host does not follow: it goes to addresses of the handler only, 50 times at most"
    )]
    Redirect(String),
    /// A status other than 2xx.
    #[error(
        "Response status code does not indicate success: {0}. The host throws the body of such an answer away, its \
         Logs included"
    )]
    Status(u16),
    /// A content type that the host does not read.
    #[error(
        "the answer has the content type {0}, which the host refuses (UnsupportedMediaTypeException): answer \
         application/json"
    )]
    MediaType(String),
    /// A body that is not JSON of the right shape.
    #[error("Invalid HttpResponseMessage: {reason}; StatusCode: {status}, Content: {body}")]
    Json {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An empty body, or `null`.
    #[error(
        "the answer has no body. In Azure this invocation would hang until functionTimeout and the handler would then \
         be killed: always answer JSON, {{}} at least"
    )]
    Empty,
    /// An output could not be written.
    #[error("output '{name}': {reason}")]
    Output {
        /// The binding.
        name: String,
        /// Why.
        reason: String,
    },
}
