//! Who we talk to: Azure Service Bus, so far its sending side.

pub mod service_bus;

pub use service_bus::{
    ConnectionString, ConnectionStringError, OutgoingMessage, SendError, ServiceBus, ServiceBusOptions,
};
