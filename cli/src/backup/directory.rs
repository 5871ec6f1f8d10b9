//! A place for files that are gone afterwards.

use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// A directory for us alone. Dropped: deleted.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Under the system's directory for temporary files.
    pub(crate) fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("inventory-{}", uuid::Uuid::now_v7()));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .map_err(|error| Failure::Unavailable(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be deleted is for the system to clean, and for nobody else to read.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
