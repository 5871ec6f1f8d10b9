//! Files of exports, imports and events: in a directory, or in Azure Blob storage.
//!
//! A file's name is one of ours: a folder and an id, so that no name from outside is ever one of a file. It is written once, under a
//! name that nobody else writes, and it is there as a whole or not at all.

mod directory;
mod spool;
mod work;

pub(crate) use directory::Directory;
pub use spool::Spool;
pub(crate) use work::Undone;
pub(crate) use work::wake;
pub use work::{FilesReport, work};

use crate::settings;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use inventory_azure::{BlobError, BlobStorage, TokenCredential};
use inventory_domain::Timestamp;
use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};
use uuid::Uuid;

/// What is missing where there is no place for files.
pub(crate) const WHAT: &str = "a place for files (FILES_DIRECTORY or BLOB_STORAGE_ENDPOINT)";

/// How long a file may take to arrive as a whole where it is read into memory.
const READ_TIMEOUT: Duration = Duration::from_mins(5);

/// Where files of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folder {
    Exports,
    Imports,
    /// Of exports of events. Whoever reads them deletes them: here nobody does.
    Events,
}

impl Folder {
    /// Those whose files are deleted when they are old.
    const ALL: [Self; 2] = [Self::Exports, Self::Imports];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Exports => "exports",
            Self::Imports => "imports",
            Self::Events => "events",
        }
    }
}

/// The name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    folder: Folder,
    id: Uuid,
    /// Of a file of events: when the first of them happened, and its place in the outbox.
    first: Option<(Timestamp, i64)>,
}

impl FileName {
    pub(crate) const fn new(folder: Folder, id: Uuid) -> Self {
        Self {
            folder,
            id,
            first: None,
        }
    }

    /// Of the file of events that begins with the event at `seq` of the outbox, which happened at `time`.
    pub(crate) const fn of_events(time: Timestamp, seq: i64, id: Uuid) -> Self {
        Self {
            folder: Folder::Events,
            id,
            first: Some((time, seq)),
        }
    }

    const fn media_type(self) -> &'static str {
        match self.first {
            None => "text/csv",
            Some(_) => "application/jsonl",
        }
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (folder, id) = (self.folder.as_str(), self.id);
        match self.first {
            None => write!(f, "{folder}/{id}.csv"),
            Some((time, seq)) => {
                let at = time.to_datetime();
                let (year, month, day, hour) = (at.year(), u8::from(at.month()), at.day(), at.hour());
                write!(f, "{folder}/{year:04}/{month:02}/{day:02}/{hour:02}/{seq}-{id}.jsonl")
            }
        }
    }
}

/// Why a file was not stored, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// Where the files are is away, full, or gives no access: somebody or time can help.
    #[error("{0}")]
    Away(String),
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Away(format!("the directory of files: {error}")),
        }
    }
}

impl From<BlobError> for FileError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound => Self::NotFound,
            other => Self::Away(other.to_string()),
        }
    }
}

impl From<FileError> for crate::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound => inventory_domain::Refusal::not_found("file", "of this").into(),
            FileError::Away(reason) => {
                tracing::warn!(%reason, "the files are not available");
                Self::Unavailable
            }
        }
    }
}

/// The contents of a file, as they come.
pub type Contents = Pin<Box<dyn Stream<Item = Result<Bytes, FileError>> + Send>>;

/// Where files are kept.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    /// In a directory of this machine.
    Directory(Directory),
    /// In a container of Azure Blob storage.
    Blob(BlobStorage),
}

impl Files {
    /// As the settings say. Nothing is connected yet.
    pub(crate) fn new(engine: &settings::FilesEngine, credential: &Arc<dyn TokenCredential>) -> Self {
        match engine {
            settings::FilesEngine::Directory(path) => Self::Directory(Directory::new(path.clone())),
            settings::FilesEngine::Blob(blob) => Self::Blob(blob.storage(credential)),
        }
    }

    /// Stores a file.
    pub(crate) async fn put(&self, name: FileName, spool: Spool) -> Result<(), FileError> {
        match self {
            Self::Directory(directory) => directory.put(name, spool).await,
            Self::Blob(storage) => Ok(storage
                .put(&name.to_string(), name.media_type(), spool.into_file().await?)
                .await?),
        }
    }

    /// The contents of a file.
    pub(crate) async fn get(&self, name: FileName) -> Result<Contents, FileError> {
        match self {
            Self::Directory(directory) => directory.get(name).await,
            Self::Blob(storage) => {
                let contents = storage.get(&name.to_string()).await?;
                Ok(Box::pin(contents.map(|part| part.map_err(FileError::from))))
            }
        }
    }

    /// The contents of a file that has `bytes` bytes, as a whole.
    pub(crate) async fn read(&self, name: FileName, bytes: usize) -> Result<Vec<u8>, FileError> {
        let read = async {
            let mut contents = self.get(name).await?;
            let mut all = Vec::with_capacity(bytes);
            while let Some(part) = contents.next().await {
                let part = part?;
                if all.len() + part.len() > bytes {
                    return Err(FileError::Away("a file is larger than it was".to_owned()));
                }
                all.extend_from_slice(&part);
            }
            Ok(all)
        };
        tokio::time::timeout(READ_TIMEOUT, read)
            .await
            .unwrap_or_else(|_| Err(FileError::Away("a file did not arrive in time".to_owned())))
    }

    /// Deletes a file, where it is there.
    pub(crate) async fn delete(&self, name: FileName) -> Result<(), FileError> {
        let deleted = match self {
            Self::Directory(directory) => directory.delete(name).await,
            Self::Blob(storage) => storage.delete(&name.to_string()).await.map_err(FileError::from),
        };
        match deleted {
            Ok(()) | Err(FileError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes files that were stored before `before`, the oldest first, at most `limit`: those that nobody knows of any more
    /// because a program died. Ids grow with time, so that the first by name are the oldest.
    async fn sweep(&self, folder: Folder, before: SystemTime, limit: usize) -> Result<usize, FileError> {
        match self {
            Self::Directory(directory) => directory.sweep(folder, before, limit).await,
            Self::Blob(storage) => {
                let prefix = format!("{}/", folder.as_str());
                let mut swept = 0;
                for blob in storage.list(&prefix, limit).await? {
                    if blob.stored_at.is_some_and(|at| at < before) {
                        storage.delete(&blob.name).await?;
                        swept += 1;
                    }
                }
                Ok(swept)
            }
        }
    }

    /// Whether files can be stored.
    pub(crate) async fn check(&self) -> Result<(), FileError> {
        match self {
            Self::Directory(directory) => directory.check().await,
            Self::Blob(storage) => Ok(storage.check().await?),
        }
    }
}
