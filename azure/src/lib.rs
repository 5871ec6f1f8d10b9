//! Who we talk to: Azure Service Bus, so far its sending side, Key Vault, Cosmos DB, and what all of Azure's services share.

pub mod blob_storage;
mod credential;
pub mod event_history;
mod key_vault;
pub mod service_bus;
mod transport;

pub use azure_core::{credentials::TokenCredential, http::Transport};
pub use blob_storage::{BlobAccount, BlobAccountError, BlobError, BlobStorage};
pub use credential::credential;
pub use event_history::{EventHistory, EventHistoryOptions, HistoryError, HistoryEvent};
pub use key_vault::{KeyVault, KeyVaultError, KeyVaultOptions, SecretFacts, VaultUrl, VaultUrlError};
pub use service_bus::{
    OutgoingMessage, SendError, ServiceBus, ServiceBusConnection, ServiceBusConnectionError, ServiceBusOptions,
    ServiceBusTransport,
};
