//! Why Blob storage did not do something.

/// Why Blob storage did not do something. Shows no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is no such blob.
    #[error("there is no such file")]
    NotFound,
    /// It cannot be reached, gives no access, or lacks the container: somebody or time can help.
    #[error("Blob storage is away: {0}")]
    Away(String),
    /// No answer came in time.
    #[error("Blob storage did not answer in time")]
    TimedOut,
}

impl From<azure_core::Error> for BlobError {
    fn from(error: azure_core::Error) -> Self {
        use azure_core::{error::ErrorKind, http::StatusCode};
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, .. } => {
                let code = error_code.as_deref().unwrap_or("no code");
                match status {
                    // A container that is not there is ours to repair, and no answer to who asks for a file.
                    StatusCode::NotFound if code != "ContainerNotFound" => Self::NotFound,
                    _ => Self::Away(format!("{} ({code})", u16::from(*status))),
                }
            }
            // What a transport says may show the address, and with it a signature.
            kind => Self::Away(kind.to_string()),
        }
    }
}
