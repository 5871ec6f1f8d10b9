//! The client.

use super::BlobError;
pub use azure_core::Bytes;
use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{NoFormat, RequestContent, Url},
};
use azure_storage_blob::{
    BlobContainerClient,
    models::{BlobClientUploadOptions, BlobContainerClientListBlobsOptions},
    stream::tokio::FileStream,
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use std::{pin::Pin, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{fs::File, time::timeout};

/// How long storing one file may take.
const PUT_TIMEOUT: Duration = Duration::from_mins(5);
/// How long anything else may take until its answer begins.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How the account gives access.
#[derive(Clone)]
pub enum Access {
    /// With Microsoft Entra ID: the identity needs the role `Storage Blob Data Contributor`.
    Entra(Arc<dyn TokenCredential>),
    /// With a shared access signature (`sv=…&sig=…`): for emulators.
    Signature(Secret),
}

/// Where the files are.
#[derive(Clone)]
pub struct BlobStorageOptions {
    /// The account: `https://<account>.blob.core.windows.net/`.
    pub endpoint: String,
    /// The container.
    pub container: String,
    /// How the account gives access.
    pub access: Access,
}

/// The files of a container; made without asking it.
#[derive(Clone)]
pub struct BlobStorage {
    container: Arc<BlobContainerClient>,
}

impl std::fmt::Debug for BlobStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a signature.
        f.debug_struct("BlobStorage").finish_non_exhaustive()
    }
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was stored.
    pub stored_at: Option<OffsetDateTime>,
}

/// The contents of a file, as they come.
pub type Download = Pin<Box<dyn Stream<Item = Result<Bytes, BlobError>> + Send>>;

impl BlobStorage {
    /// Names the container.
    ///
    /// # Errors
    /// When the endpoint is no URL of an account: `https://`, or `http://` of this machine with a signature.
    pub fn new(options: BlobStorageOptions) -> Result<Self, BlobError> {
        const WHERE: BlobError = BlobError::Configuration(
            "must be https://ACCOUNT.blob.core.windows.net/ (http:// for an emulator on this machine only)",
        );
        let mut url: Url = options.endpoint.parse().map_err(|_| WHERE)?;
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_signed = matches!(options.access, Access::Signature(_));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local && is_signed);
        if !is_safe || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(WHERE);
        }
        url.path_segments_mut()
            .map_err(|()| WHERE)?
            .pop_if_empty()
            .push(&options.container);
        let credential = match options.access {
            Access::Entra(credential) => Some(credential),
            Access::Signature(signature) => {
                url.set_query(Some(signature.secret().trim_start_matches('?')));
                None
            }
        };
        let container = BlobContainerClient::new(url, credential, None).map_err(|_| WHERE)?;
        Ok(Self {
            container: Arc::new(container),
        })
    }

    /// Stores the contents of `file` under `name`, in place of what was there.
    pub async fn put(&self, name: &str, content_type: &str, file: File) -> Result<(), BlobError> {
        let put = async {
            // Read in parts: a file is never in memory as a whole.
            let stream = FileStream::builder(file).build().await?;
            let options = BlobClientUploadOptions {
                blob_content_type: Some(content_type.to_owned()),
                ..BlobClientUploadOptions::default()
            };
            let content: RequestContent<Bytes, NoFormat> = azure_core::http::Body::from(stream).into();
            self.container.blob_client(name).upload(content, Some(options)).await?;
            Ok(())
        };
        within(PUT_TIMEOUT, put).await
    }

    /// The contents of a file.
    pub async fn get(&self, name: &str) -> Result<Download, BlobError> {
        let get = async {
            let found = self.container.blob_client(name).download(None).await?;
            let contents: Download = Box::pin(found.body.map(|part| part.map_err(BlobError::from)));
            Ok(contents)
        };
        within(TIMEOUT, get).await
    }

    /// Files whose names begin with `prefix`, by name; at most `limit`.
    pub async fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Blob>, BlobError> {
        let list = async {
            let options = BlobContainerClientListBlobsOptions {
                prefix: Some(prefix.to_owned()),
                ..BlobContainerClientListBlobsOptions::default()
            };
            let found: Vec<_> = self
                .container
                .list_blobs(Some(options))?
                .take(limit)
                .try_collect()
                .await?;
            let blob = |item: azure_storage_blob::models::BlobItem| {
                let properties = item.properties.unwrap_or_default();
                Some(Blob {
                    name: item.name?,
                    bytes: properties.content_length.unwrap_or_default(),
                    stored_at: properties.last_modified,
                })
            };
            Ok(found.into_iter().filter_map(blob).collect())
        };
        within(TIMEOUT, list).await
    }

    /// Deletes a file.
    pub async fn delete(&self, name: &str) -> Result<(), BlobError> {
        let delete = async {
            self.container.blob_client(name).delete(None).await?;
            Ok(())
        };
        within(TIMEOUT, delete).await
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, BlobError>>) -> Result<T, BlobError> {
    // Boxed: the SDK's futures are large.
    timeout(limit, Box::pin(work)).await.unwrap_or(Err(BlobError::TimedOut))
}
