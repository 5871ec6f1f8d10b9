//! What operators run, against the running app and real databases.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod analysis;
mod backup;
mod deploy;
mod deployment;
mod document;
mod release;
mod secrets;
mod support;
