//! What operators run, against the running app and real databases.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod backup;
mod deployment;
mod support;
