//! Who we talk to: Azure Service Bus, so far its sending side, and what all of Azure's services share.

mod credential;
pub mod service_bus;
mod transport;

pub use azure_core::credentials::TokenCredential;
pub use credential::credential;
pub use service_bus::{
    OutgoingMessage, SendError, ServiceBus, ServiceBusConnection, ServiceBusConnectionError, ServiceBusOptions,
};
