//! What tests of every package share.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod postgres;
pub mod running;
