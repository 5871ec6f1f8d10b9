//! Files in Azure Blob storage: one container, block blobs.

mod client;
mod error;

pub use azure_core::credentials::Secret;
pub use client::{Access, Blob, BlobStorage, BlobStorageOptions, Bytes, Download};
pub use error::BlobError;
