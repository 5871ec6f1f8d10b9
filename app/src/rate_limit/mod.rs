//! How often a client may ask: counted in Redis for all instances where there is one, in the process otherwise.

mod local;
mod shared;
mod window;

pub use window::{Decision, Policy};

use crate::{metrics::RateLimitMetrics, secrets::SecretString, settings::RateLimit as Settings};
use local::Local;
use shared::Shared;
use std::time::Instant;
use tokio::sync::watch;

/// Counts requests by client.
pub struct RateLimiter {
    policy: Policy,
    started: Instant,
    local: Local,
    shared: Shared,
    metrics: RateLimitMetrics,
}

impl std::fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimiter")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl RateLimiter {
    /// A limiter, where requests are limited. Nothing is connected before the first request.
    pub(crate) fn new(
        settings: &Settings,
        redis_url: watch::Receiver<Option<SecretString>>,
        metrics: &RateLimitMetrics,
    ) -> Option<Self> {
        settings.is_enabled.then(|| Self {
            policy: settings.policy,
            started: Instant::now(),
            local: Local::new(),
            shared: Shared::new(redis_url, settings.redis_timeout),
            metrics: metrics.clone(),
        })
    }

    /// How many requests a client may make, and in how long.
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether Redis counts just now; `None` where there is none. For metrics.
    pub fn is_shared(&self) -> Option<bool> {
        self.shared.is_wanted().then(|| self.shared.is_connected())
    }

    /// Counts a request of `client`. Never fails: what cannot be counted together is counted here.
    pub async fn take(&self, client: &str) -> Decision {
        let decision = if let Some(decision) = self.shared.take(client, self.policy).await {
            decision
        } else {
            if self.shared.is_wanted() {
                self.metrics.fell_back();
            }
            let now_ms = self.started.elapsed().as_millis() as u64;
            self.local.take(client, now_ms, self.policy)
        };
        if !decision.is_allowed {
            self.metrics.limited();
        }
        decision
    }
}
