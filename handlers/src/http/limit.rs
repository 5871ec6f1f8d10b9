//! How often a client may ask, and how it is told (draft-ietf-httpapi-ratelimit-headers-10).

use super::{Context, Identity, Problem, address, problem};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use inventory_app::rate_limit::{Decision, Policy};
use std::borrow::Cow;

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Stands for all requests of which nobody says where they come from.
const NOBODY: &str = "address:unknown";

/// A request that was counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    policy: Policy,
    decision: Decision,
}

/// Counts a request, where its function is limited. Who is not known is counted by address, and so is who is refused: trying
/// out credentials is limited too.
pub(crate) async fn count(context: &Context, headers: &HeaderMap, identity: Option<&Identity>) -> Option<Counted> {
    let limiter = context.app().rate_limiter()?;
    if !context.operation.is_limited() {
        return None;
    }
    let client = match identity.and_then(Identity::principal) {
        Some(principal) => Cow::Borrowed(principal),
        None => context
            .shared
            .client_address
            .of(headers)
            .map_or(Cow::Borrowed(NOBODY), |client| {
                Cow::Owned(format!("address:{}", address::limited(client)))
            }),
    };
    Some(Counted {
        policy: limiter.policy(),
        decision: limiter.take(&client).await,
    })
}

impl Counted {
    /// The refusal of a request that is one too many.
    pub(crate) fn refusal(&self) -> Result<(), Problem> {
        if self.decision.is_allowed {
            return Ok(());
        }
        let detail = format!(
            "{} requests in {} seconds are allowed; see Retry-After",
            self.policy.requests,
            self.policy.window.as_secs()
        );
        let seconds = u16::try_from(self.decision.reset_seconds).unwrap_or(u16::MAX);
        Err(Problem::new(problem::RATE_LIMITED, detail).retry_after(seconds))
    }

    /// Tells the client what it has left.
    pub(crate) fn tell<B>(&self, response: &mut Response<B>) {
        let (policy, decision) = (self.policy, self.decision);
        let policy = format!("\"default\";q={};w={}", policy.requests, policy.window.as_secs());
        let left = format!("\"default\";r={};t={}", decision.remaining, decision.reset_seconds);
        for (name, text) in [(RATELIMIT_POLICY, policy), (RATELIMIT, left)] {
            // Digits, quotes and separators are always a header value.
            if let Ok(value) = HeaderValue::try_from(text) {
                response.headers_mut().insert(name, value);
            }
        }
    }
}
