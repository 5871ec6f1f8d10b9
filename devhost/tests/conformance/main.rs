//! The conformance vectors of the host's contract, each a test by its number, through the public surface: the real program
//! with a handler that answers as it is told. Details that cannot be seen from outside are unit tests beside the code.

#![allow(clippy::unwrap_used)]

mod calls;
mod files;
mod handler;
mod replies;
#[path = "../support/mod.rs"]
mod support;
