//! `maxConcurrentRequests` and `maxOutstandingRequests`.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::HttpOptions;

/// How many requests may be in functions, and how many may wait for that.
#[derive(Debug, Default)]
pub struct Throttle {
    outstanding: Option<Arc<Semaphore>>,
    running: Option<Arc<Semaphore>>,
}

/// A place; the next request gets it when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Place {
    _outstanding: Option<OwnedSemaphorePermit>,
    _running: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    /// The limits of `host.json`.
    pub fn new(options: &HttpOptions) -> Self {
        let places =
            |limit: Option<usize>| limit.map(|limit| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))));
        Self {
            outstanding: places(options.max_outstanding),
            running: places(options.max_concurrent),
        }
    }

    /// Waits for a place among those that run; `None`: too many wait already.
    pub(super) async fn enter(&self) -> Option<Place> {
        let outstanding = match &self.outstanding {
            None => None,
            Some(places) => Some(Arc::clone(places).try_acquire_owned().ok()?),
        };
        let running = match &self.running {
            None => None,
            Some(places) => Some(Arc::clone(places).acquire_owned().await.ok()?),
        };
        Some(Place {
            _outstanding: outstanding,
            _running: running,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn throttle(max_concurrent: Option<usize>, max_outstanding: Option<usize>) -> Throttle {
        Throttle::new(&HttpOptions {
            route_prefix: String::new(),
            max_concurrent,
            max_outstanding,
            custom_headers: Vec::new(),
        })
    }

    #[test]
    fn one_runs_one_waits_and_the_third_is_refused() {
        let throttle = throttle(Some(1), Some(2));
        let first = throttle.enter().now_or_never().flatten().unwrap();
        let mut second = Box::pin(throttle.enter());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(throttle.enter().now_or_never().unwrap().is_none());
        drop(first);
        assert!(second.now_or_never().flatten().is_some());
        assert!(throttle.enter().now_or_never().flatten().is_some());
    }

    #[test]
    fn without_limits_all_enter() {
        let throttle = throttle(None, None);
        let places: Vec<_> = (0..1_000).map(|_| throttle.enter().now_or_never().flatten()).collect();
        assert!(places.iter().all(Option::is_some));
    }
}
