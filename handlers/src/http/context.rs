//! What a handler is given besides the request.

use crate::{Operation, http::address::ClientAddress};
use inventory_app::{App, metrics::FunctionMetrics};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests served at once. More than the database's connections can work on only wait there, and each holds its memory;
/// the host retries elsewhere what is refused with 503.
const CONCURRENT_REQUESTS_MAX: usize = 1_024;

/// Large invocations held at once: each takes several times its size while it is read.
const LARGE_INVOCATIONS_MAX: usize = 2;

/// What all functions share.
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) permits: Semaphore,
    /// Room for large invocations.
    pub(crate) large: Semaphore,
    pub(crate) client_address: ClientAddress,
}

impl Shared {
    pub(crate) fn new(app: App) -> Arc<Self> {
        Arc::new(Self {
            client_address: ClientAddress::new(&app.settings().rate_limit),
            app,
            permits: Semaphore::new(CONCURRENT_REQUESTS_MAX),
            large: Semaphore::new(LARGE_INVOCATIONS_MAX),
        })
    }
}

/// One function's view of the program: the application and the function's own row of the table.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) operation: &'static Operation,
    pub(crate) metrics: FunctionMetrics,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>, operation: &'static Operation) -> Self {
        Self {
            metrics: shared.app.metrics().function(operation.name),
            shared,
            operation,
        }
    }

    pub(crate) fn app(&self) -> &App {
        &self.shared.app
    }
}
