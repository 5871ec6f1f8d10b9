//! How it stands with something that is asked again and again in the background.

use tokio::sync::watch;

/// What the last attempt said.
#[derive(Clone, Debug)]
struct State {
    /// Whether one has ever worked.
    has_worked: bool,
    /// Why the last one did not.
    problem: Option<String>,
}

/// How it stands with something. Reasons are for operators and hold no secrets.
#[derive(Debug)]
pub(crate) struct Health(watch::Sender<State>);

impl Health {
    /// Nothing has been tried, which is what `problem` says.
    pub(crate) fn new(problem: &str) -> Self {
        Self(watch::Sender::new(State {
            has_worked: false,
            problem: Some(problem.to_owned()),
        }))
    }

    /// An attempt worked, or it did not and why.
    pub(crate) fn note(&self, problem: Option<String>) {
        self.0.send_modify(|state| {
            state.has_worked |= problem.is_none();
            state.problem = problem;
        });
    }

    /// Whether an attempt has ever worked.
    pub(crate) fn has_worked(&self) -> bool {
        self.0.borrow().has_worked
    }

    /// Why the last attempt did not work.
    pub(crate) fn problem(&self) -> Option<String> {
        self.0.borrow().problem.clone()
    }

    /// Waits until an attempt has worked.
    pub(crate) async fn worked(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|state| state.has_worked).await;
    }
}
