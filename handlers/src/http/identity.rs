//! Who asks, and whether they may: the one place for it.

use crate::{Operation, http::Problem};
use http::HeaderMap;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// The name that audit rows carry.
    pub(crate) actor: &'static str,
}

/// Names the caller of `operation`. Every request passes here before its handler runs; [`Operation::role`] says what the
/// caller must be. There are no identities yet, so that everybody is `anonymous` and may do everything; a program's own part
/// (a timer, a queue) acts under its function's name.
// The signature is the one that checking credentials needs; callers and the edge depend on it.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn identify(operation: &'static Operation, _headers: &HeaderMap) -> Result<Identity, Problem> {
    let actor = if operation.trigger.is_http() {
        "anonymous"
    } else {
        operation.name
    };
    Ok(Identity { actor })
}
