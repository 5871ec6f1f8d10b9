//! What tests of every package share.

pub mod postgres;
pub mod running;
