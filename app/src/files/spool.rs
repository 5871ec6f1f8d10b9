//! A file that is being written, before it is stored: in the machine's temporary directory, without a name, so that it is gone with
//! the program.

use super::FileError;
use std::io::SeekFrom;
use tokio::{
    fs::File,
    io::{AsyncSeekExt as _, AsyncWriteExt as _},
};

/// A file that is being written.
#[derive(Debug)]
pub struct Spool {
    file: File,
    bytes: u64,
}

impl Spool {
    /// An empty one.
    ///
    /// # Errors
    /// When the machine has no room.
    pub async fn new() -> Result<Self, FileError> {
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let file = made
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| no_room(&error))?;
        Ok(Self {
            file: File::from_std(file),
            bytes: 0,
        })
    }

    /// Adds to it.
    ///
    /// # Errors
    /// When the machine has no room.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).await.map_err(|error| no_room(&error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Bytes in it.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, to be read from its beginning.
    pub(super) async fn into_file(mut self) -> Result<File, FileError> {
        self.file.flush().await.map_err(|error| no_room(&error))?;
        self.file
            .seek(SeekFrom::Start(0))
            .await
            .map_err(|error| no_room(&error))?;
        Ok(self.file)
    }
}

fn no_room(error: &std::io::Error) -> FileError {
    FileError::Away(format!("the temporary directory: {error}"))
}
