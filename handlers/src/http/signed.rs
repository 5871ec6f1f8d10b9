//! A message of somebody who has no account here, and signs what it sends.

use super::{Context, Problem, body::arrived, query, write};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use inventory_app::Caller;

const STRIPE_SIGNATURE: &str = "stripe-signature";

/// The message, not believed yet.
pub(crate) struct Signed {
    /// From where it came.
    pub(crate) caller: Caller,
    /// The header with the signature; empty where there is none.
    pub(crate) signature: String,
    /// What is signed, byte by byte.
    pub(crate) body: Bytes,
}

impl FromRequest<Context> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        query::refuse_all(&parts.uri)?;
        let body = arrived(body).await?;
        let signature = parts.headers.get(STRIPE_SIGNATURE);
        let signature = signature.and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            signature: signature.to_owned(),
            caller: write::asking(&mut parts, context),
            body,
        })
    }
}
