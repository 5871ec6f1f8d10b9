//! What tests of every package share.

pub mod azurite;
pub mod collector;
pub mod credential;
pub mod postgres;
pub mod redis;
pub mod running;
pub mod tls;
pub mod vault;
