//! What tests of every package share.

pub mod azurite;
pub mod browser;
pub mod collector;
pub mod credential;
pub mod handler;
pub mod http;
pub mod postgres;
pub mod receiver;
pub mod redis;
pub mod running;
pub mod smtp;
pub mod tls;
pub mod vault;
