//! Who asks, and whether they may: the one place for it.

use super::{Context, Problem, problem};
use http::HeaderMap;
use inventory_app::Identity;
use inventory_domain::Role;

/// Names the caller. Every request passes here before its handler runs; [`crate::Operation::role`] says what the caller must
/// be. A program's own part (a timer, a queue) acts under its function's name.
pub(crate) async fn identify(context: &Context, headers: &HeaderMap) -> Result<Identity, Problem> {
    let operation = context.operation;
    if !operation.trigger.is_http() {
        return Ok(Identity::program(operation.name));
    }
    if operation.role == Role::Public {
        return Ok(Identity::anonymous(Role::Public));
    }
    let identity = authenticate(context, headers).await?;
    if identity.may(operation.role) {
        return Ok(identity);
    }
    Err(Problem::new(
        problem::FORBIDDEN,
        format!("this takes the role {}; yours is {}", operation.role, identity.role()),
    ))
}

/// There are no accounts yet: everybody is `anonymous` and may do everything.
#[expect(clippy::unused_async, reason = "accounts are looked up")]
async fn authenticate(_context: &Context, _headers: &HeaderMap) -> Result<Identity, Problem> {
    Ok(Identity::anonymous(Role::Admin))
}
