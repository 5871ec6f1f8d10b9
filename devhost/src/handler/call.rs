//! One request to the handler, whichever life it is in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::connections::Unanswered;
use super::{Handler, HandlerBody, Live, NotReady, SendError, debugger, probe};

/// How long a handler that broke a connection may take to show whether it lives.
const DOUBT: Duration = Duration::from_secs(1);

/// The head of an answer. As long as it is held, a polite restart waits.
#[derive(Debug)]
pub struct Called {
    /// The answer.
    pub response: Response<Incoming>,
    /// The life that gave it.
    pub live: Arc<Live>,
    /// When the whole call must be over.
    pub deadline: Option<Instant>,
    under_way: TaskTrackerToken,
}

impl Called {
    /// The answer, the number of the life that gave it, and what makes a polite restart wait as long as it is held.
    pub(crate) fn into_parts(self) -> (Response<Incoming>, u64, TaskTrackerToken) {
        (self.response, self.live.number, self.under_way)
    }
}

/// Why there is none.
#[derive(Debug)]
pub enum CallError {
    /// No handler.
    NotReady(NotReady),
    /// A handler, and no answer.
    Send(SendError),
    /// None within the limit, from this life of it.
    TimedOut(u64),
}

impl Handler {
    /// Sends a request. Waits for the handler where it is being started, and goes to its next life where this one ends
    /// before it has seen the request. `limit` counts from the moment there is a handler.
    pub async fn call(&self, mut request: Request<HandlerBody>, limit: Option<Duration>) -> Result<Called, CallError> {
        // A forwarded request brings the caller's own.
        let wants_host = !request.headers().contains_key(header::HOST);
        loop {
            let live = self.ready().await.map_err(CallError::NotReady)?;
            let under_way = live.in_flight.token();
            if live.replaced.load(Ordering::SeqCst) {
                continue;
            }
            let deadline = limit.map(|limit| Instant::now() + limit);
            if wants_host && let Ok(host) = HeaderValue::from_str(&live.connections.address().to_string()) {
                request.headers_mut().insert(header::HOST, host);
            }
            let sent = live.connections.send(request);
            let sent = match deadline {
                None => sent.await,
                Some(deadline) => tokio::select! {
                    sent = sent => sent,
                    () = debugger::expired(deadline, live.pid) => return Err(CallError::TimedOut(live.number)),
                },
            };
            match sent {
                Ok(response) => {
                    return Ok(Called {
                        response,
                        live,
                        deadline,
                        under_way,
                    });
                }
                Err(Unanswered::Gone(unsent)) => request = *unsent,
                Err(Unanswered::Failed(error)) => {
                    settle_doubt(&live).await;
                    return Err(CallError::Send(error));
                }
            }
        }
    }
}

/// Waits until it is clear whether a handler that broke a connection has ended. Whoever failed by that is told no sooner,
/// lest the same call comes again while the end has not been noticed and fails by it once more.
pub async fn settle_doubt(live: &Live) {
    let clear = async {
        tokio::select! {
            () = live.gone.cancelled() => {}
            () = probe::until_answered(&live.connections) => {}
        }
    };
    // Neither an end nor an answer: it hangs, and nothing is gained by waiting on.
    let _ = tokio::time::timeout(DOUBT, clear).await;
}
