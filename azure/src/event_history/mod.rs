//! The long-term event history in Azure Cosmos DB (API for NoSQL).
//!
//! An item is a CloudEvent as it was sent, with its place in the outbox (`seq`) and, where it expires, its `ttl` in seconds. Its
//! id is the event's, so that writing it twice changes nothing; its partition key is the event's subject, so that the events
//! of one thing are read from one partition.

mod client;
mod endpoint;
mod error;
mod item;

pub use azure_core::credentials::Secret;
pub use client::{Access, EventHistory, EventHistoryOptions};
pub use endpoint::{Endpoint, EndpointError};
pub use error::HistoryError;
pub use item::HistoryEvent;
