//! Sending to Azure Service Bus, to its stand-in on the desk, or to another broker that speaks AMQP 1.0.
//!
//! [`ServiceBus`] keeps one connection, which it opens when it is first needed and again whenever it broke; every
//! message gets its own answer. What opens a service is in [`ServiceBusConnection`].

mod amqp;
mod client;
mod error;
mod health;
#[cfg(feature = "servicebus-https")]
mod https;
mod message;
mod namespace;
mod rounds;
mod sas;
mod tokens;

pub use client::{ServiceBus, ServiceBusOptions};
pub use error::SendError;
pub use message::OutgoingMessage;
pub use namespace::{ServiceBusConnection, ServiceBusConnectionError, ServiceBusTransport};
