//! Sending to Azure Service Bus, or to its stand-in on the desk, over AMQP 1.0.
//!
//! [`ServiceBus`] keeps one connection, which it opens when it is first needed and again whenever it broke; every
//! message gets its own answer.

mod backoff;
mod client;
mod connection;
mod connection_string;
mod error;
mod message;

pub use client::{ServiceBus, ServiceBusOptions};
pub use connection_string::{ConnectionString, ConnectionStringError};
pub use error::SendError;
pub use message::OutgoingMessage;
