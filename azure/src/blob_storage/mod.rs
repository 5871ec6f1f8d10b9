//! Files in Azure Blob storage: one container, block blobs.

mod account;
mod client;
mod error;

pub use account::{BlobAccount, BlobAccountError};
use azure_core::credentials::Secret;
pub use client::{Blob, BlobStorage, Bytes, Download};
pub use error::BlobError;
