//! What the tests of the Service Bus share.

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A directory of its own for a test, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("servicebus-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where the broker's file goes.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("servicebus.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
