//! The data folder: one host's at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::HostError;

/// The folder, locked as long as this lives. The system lets go of it however the process ends.
#[derive(Debug)]
pub(super) struct DataFolder {
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is not there, and takes it.
    pub(super) fn open(path: &Path) -> Result<Self, HostError> {
        let data = |source| HostError::Data {
            path: path.to_path_buf(),
            source,
        };
        std::fs::create_dir_all(path).map_err(data)?;
        // What lies here is nobody's source.
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(ignore, "*\n").map_err(data)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(path.join("lock")).map_err(data)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Only for the message; the holder may be writing it at the moment.
                let _ = lock.read_to_string(&mut pid);
                return Err(HostError::DataInUse {
                    path: path.to_path_buf(),
                    pid: pid.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(data(error)),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(data)?;
        Ok(Self { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn it_is_one_hosts_at_a_time() {
        let folder = TempDir::new();
        let first = DataFolder::open(folder.path()).unwrap();
        let error = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        assert!(DataFolder::open(folder.path()).is_ok());
        assert!(folder.path().join(".gitignore").is_file());
    }
}
