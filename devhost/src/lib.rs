//! .
pub mod servicebus;
