//! Files in a directory of this machine: for a desk, and for one machine alone.

use super::{Contents, FileError, FileName, Folder, Spool};
use futures_util::StreamExt as _;
use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};
use tokio::fs::{self, DirBuilder, OpenOptions};
use tokio_util::io::ReaderStream;

/// Bytes read at a time.
const PART_BYTES: usize = 64 * 1024;
/// What the name of a file ends with while it is being written.
const UNFINISHED: &str = "part";

/// A directory; made when it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, name: FileName) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// Others on this machine see neither files nor their names: they may hold personal data.
    async fn make(&self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(path).await
    }

    pub(super) async fn put(&self, name: FileName, spool: Spool) -> Result<(), FileError> {
        let path = self.path(name);
        let unfinished = path.with_extension(UNFINISHED);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut from = spool.into_file().await?;
        let written = async {
            self.make(path.parent().unwrap_or(&self.root)).await?;
            let mut to = options.open(&unfinished).await?;
            tokio::io::copy(&mut from, &mut to).await?;
            // There after a power cut, or not there.
            to.sync_all().await?;
            fs::rename(&unfinished, &path).await
        };
        match written.await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What is left takes room, which may be just what is missing.
                let _ = fs::remove_file(&unfinished).await;
                Err(FileError::Away(format!("the directory of files: {error}")))
            }
        }
    }

    pub(super) async fn get(&self, name: FileName) -> Result<Contents, FileError> {
        let file = fs::File::open(self.path(name)).await?;
        let parts = ReaderStream::with_capacity(file, PART_BYTES);
        Ok(Box::pin(parts.map(|part| part.map_err(FileError::from))))
    }

    pub(super) async fn delete(&self, name: FileName) -> Result<(), FileError> {
        Ok(fs::remove_file(self.path(name)).await?)
    }

    pub(super) async fn sweep(&self, folder: Folder, before: SystemTime, limit: usize) -> Result<usize, FileError> {
        let mut entries = match fs::read_dir(self.root.join(folder.as_str())).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut old = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            if !is_ours(&path) {
                continue;
            }
            // Whoever deletes it at the same time has done the work.
            let Ok(about) = entry.metadata().await else { continue };
            if about.modified().is_ok_and(|at| at < before) {
                old.push(path);
            }
        }
        old.sort();
        old.truncate(limit);
        for path in &old {
            match fs::remove_file(path).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(old.len())
    }

    pub(super) async fn check(&self) -> Result<(), FileError> {
        for folder in Folder::ALL {
            self.make(&self.root.join(folder.as_str()))
                .await
                .map_err(|error| FileError::Away(error.to_string()))?;
        }
        Ok(())
    }
}

/// Whether we gave this name: a directory that was named by mistake loses nothing.
fn is_ours(path: &Path) -> bool {
    let is_id = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(|stem| uuid::Uuid::try_parse(stem).is_ok());
    is_id
        && path
            .extension()
            .is_some_and(|extension| extension == "csv" || extension == UNFINISHED)
}
