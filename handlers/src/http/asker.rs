//! Who asks, for handlers that tell some more than others.

use super::{Context, Identity, RequestId};
use axum::extract::FromRequestParts;
use http::request::Parts;
use inventory_domain::Role;
use std::convert::Infallible;

/// What the caller may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker(Role);

impl Asker {
    /// Who sent this request.
    pub(crate) fn of(parts: &Parts) -> Self {
        let known = parts.extensions.get::<(Identity, RequestId)>();
        // Only a request that did not pass the edge has none.
        Self(known.map_or(Role::Public, |(identity, _)| identity.role()))
    }

    /// Whether the caller may what this role may.
    pub(crate) fn may(self, role: Role) -> bool {
        self.0 >= role
    }
}

impl FromRequestParts<Context> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
