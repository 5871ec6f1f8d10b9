//! Where the handler stands, and how to wait for it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Connections;

/// One life of the handler: from its first answer to the end of the process.
#[derive(Debug)]
pub struct Live {
    /// Counts the lives, from 1.
    pub number: u64,
    /// The process.
    pub pid: u32,
    /// Where it listens.
    pub port: u16,
    /// Connections to it.
    pub connections: Arc<Connections>,
    /// What is under way in it; a polite restart waits for these.
    pub in_flight: TaskTracker,
    /// Another one serves: nothing new may go here.
    pub replaced: AtomicBool,
    /// Cancelled when the process has ended.
    pub gone: CancellationToken,
}

/// What can be said of the handler.
#[derive(Debug, Clone)]
pub enum HandlerState {
    /// It will answer soon.
    Starting,
    /// It answers.
    Ready(Arc<Live>),
    /// It ended by itself with success and is not started again.
    Ended,
    /// It failed too often; the host stops.
    Failed,
}

/// Why no handler could be had.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// It did not come in time.
    #[error("the handler did not become ready in time")]
    TimedOut,
    /// It ended with success, and nobody started it again.
    #[error("the handler ended with exit code 0, which the host takes for normal: it is not started again")]
    Ended,
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}

#[derive(Debug)]
pub(super) enum Wish {
    /// Kill it and start it again, if `life` is still the one that runs.
    Kill { life: u64, reason: String },
    /// Put another in its place.
    Renew { reason: String },
}

/// A way to reach the handler, whichever life it is in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handler {
    pub(super) state: watch::Receiver<HandlerState>,
    pub(super) wishes: mpsc::UnboundedSender<Wish>,
    pub(super) patience: Duration,
}

impl Handler {
    /// The handler, waiting for it as long as its initialization may take.
    pub async fn ready(&self) -> Result<Arc<Live>, NotReady> {
        if let HandlerState::Ready(live) = &*self.state.borrow() {
            return Ok(Arc::clone(live));
        }
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, HandlerState::Starting));
        match tokio::time::timeout(self.patience, settled).await {
            Err(_) => Err(NotReady::TimedOut),
            Ok(Err(_)) => Err(NotReady::Stopping),
            Ok(Ok(state)) => match &*state {
                HandlerState::Ready(live) => Ok(Arc::clone(live)),
                HandlerState::Ended => Err(NotReady::Ended),
                HandlerState::Failed | HandlerState::Starting => Err(NotReady::Stopping),
            },
        }
    }

    /// The handler, waiting for it as long as it takes; `None` when the host stops.
    pub async fn ready_at_last(&self) -> Option<Arc<Live>> {
        let mut state = self.state.clone();
        let state = state
            .wait_for(|state| matches!(state, HandlerState::Ready(_)))
            .await
            .ok()?;
        match &*state {
            HandlerState::Ready(live) => Some(Arc::clone(live)),
            _ => None,
        }
    }

    /// Where it stands now.
    pub fn state(&self) -> HandlerState {
        self.state.borrow().clone()
    }

    /// Whether it failed so often that the host stops.
    pub fn has_failed(&self) -> bool {
        matches!(*self.state.borrow(), HandlerState::Failed)
    }

    /// Changes of its state.
    pub fn watch(&self) -> watch::Receiver<HandlerState> {
        self.state.clone()
    }

    /// Kills the given life of it; what else is under way in it fails too.
    pub fn kill(&self, life: u64, reason: impl Into<String>) {
        // Without a supervisor there is nothing left to kill.
        let _ = self.wishes.send(Wish::Kill {
            life,
            reason: reason.into(),
        });
    }

    /// Starts another in its place; the one that runs serves until the new one answers, and then finishes what is under
    /// way. Where that cannot be (one port for both, or a debugger), requests wait meanwhile.
    pub fn renew(&self, reason: impl Into<String>) {
        let _ = self.wishes.send(Wish::Renew { reason: reason.into() });
    }
}
