//! The client.

use super::{BlobAccount, BlobError};
pub use azure_core::Bytes;
use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, NoFormat, RequestContent, StatusCode},
};
use azure_storage_blob::{
    BlobContainerClient, BlobContainerClientOptions,
    models::{BlobClientUploadOptions, BlobContainerClientListBlobsOptions},
    stream::tokio::FileStream,
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};
use time::OffsetDateTime;
use tokio::{fs::File, sync::OnceCell, time::timeout};

/// How long storing one file may take.
const PUT_TIMEOUT: Duration = Duration::from_mins(5);
/// How long anything else may take until its answer begins.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The files of a container; made without asking it.
#[derive(Clone)]
pub struct BlobStorage {
    inner: Arc<Inner>,
}

struct Inner {
    account: BlobAccount,
    container: String,
    credential: Arc<dyn TokenCredential>,
    /// Made when it is first needed.
    client: OnceLock<BlobContainerClient>,
    /// Whether an emulator has the container.
    is_there: OnceCell<()>,
}

impl std::fmt::Debug for BlobStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStorage")
            .field("account", &self.inner.account)
            .field("container", &self.inner.container)
            .finish_non_exhaustive()
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
    /// Names a container of an account; `credential` gives access where the account goes by Microsoft Entra ID.
    pub fn new(account: BlobAccount, container: impl Into<String>, credential: Arc<dyn TokenCredential>) -> Self {
        Self {
            inner: Arc::new(Inner {
                account,
                container: container.into(),
                credential,
                client: OnceLock::new(),
                is_there: OnceCell::new(),
            }),
        }
    }

    fn client(&self) -> Result<&BlobContainerClient, BlobError> {
        let inner = &*self.inner;
        if let Some(client) = inner.client.get() {
            return Ok(client);
        }
        let (url, credential) = inner.account.container(&inner.container, &inner.credential);
        let options = BlobContainerClientOptions {
            client_options: ClientOptions {
                transport: Some(crate::transport::shared()?),
                ..ClientOptions::default()
            },
            ..BlobContainerClientOptions::default()
        };
        // Two that come at once both make one; the first stays.
        let client = BlobContainerClient::new(url, credential, Some(options))?;
        Ok(inner.client.get_or_init(|| client))
    }

    /// An emulator starts empty: its container is made. (That of an account is whoever's who made the account.)
    async fn prepare(&self) -> Result<(), BlobError> {
        if !self.inner.account.is_emulator {
            return Ok(());
        }
        let make = async {
            match self.client()?.create(None).await {
                Ok(_) => Ok(()),
                Err(error) if error.http_status() == Some(StatusCode::Conflict) => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        self.inner.is_there.get_or_try_init(|| make).await.map(drop)
    }

    /// Asks whether files can be stored and found.
    pub async fn check(&self) -> Result<(), BlobError> {
        within(TIMEOUT, self.prepare()).await?;
        self.list("", 1).await.map(drop)
    }

    /// Stores the contents of `file` under `name`, in place of what was there.
    pub async fn put(&self, name: &str, content_type: &str, file: File) -> Result<(), BlobError> {
        let put = async {
            self.prepare().await?;
            // Read in parts: a file is never in memory as a whole.
            let stream = FileStream::builder(file).build().await?;
            let options = BlobClientUploadOptions {
                blob_content_type: Some(content_type.to_owned()),
                ..BlobClientUploadOptions::default()
            };
            let content: RequestContent<Bytes, NoFormat> = azure_core::http::Body::from(stream).into();
            self.client()?.blob_client(name).upload(content, Some(options)).await?;
            Ok(())
        };
        within(PUT_TIMEOUT, put).await
    }

    /// The contents of a file.
    pub async fn get(&self, name: &str) -> Result<Download, BlobError> {
        let get = async {
            let found = self.client()?.blob_client(name).download(None).await?;
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
                .client()?
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
            self.client()?.blob_client(name).delete(None).await?;
            Ok(())
        };
        within(TIMEOUT, delete).await
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, BlobError>>) -> Result<T, BlobError> {
    // Boxed: the SDK's futures are large.
    timeout(limit, Box::pin(work)).await.unwrap_or(Err(BlobError::TimedOut))
}
