//! The HTTP client under Azure's clients: one for all of them, made when the first needs it.

use azure_core::{
    error::{ErrorKind, ResultExt as _},
    http::Transport,
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may be silent in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The transport of clients that need no other. The platform's roots decide who is trusted.
pub(crate) fn shared() -> azure_core::Result<Transport> {
    static CLIENT: OnceLock<Arc<reqwest::Client>> = OnceLock::new();
    let client = if let Some(client) = CLIENT.get() {
        client
    } else {
        // Two that come at once both make one; the first stays.
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            // A redirect would carry a token to wherever it points.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .with_context(ErrorKind::Other, "no HTTP client")?;
        CLIENT.get_or_init(|| Arc::new(client))
    };
    Ok(Transport::new(Arc::<reqwest::Client>::clone(client)))
}
