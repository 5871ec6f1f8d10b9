//! Functions that messages call: receive under a lock, call, complete or abandon.

mod batch;
mod envelope;
mod receiver;
mod sessions;
mod single;

pub use envelope::{EnvelopeError, batch_call, input_call, single_call};
pub use receiver::{Receiver, run};
