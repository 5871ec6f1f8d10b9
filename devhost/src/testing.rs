//! What unit tests share.

use crate::config::{ConfigError, HostJson, Settings};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Reads a `host.json` of an app without settings.
pub(crate) fn host_json(json: Value, root: &Path) -> Result<HostJson, ConfigError> {
    HostJson::parse(json, root, &Settings::default(), &mut Vec::new())
}

/// A `host.json` with this `customHandler`.
pub(crate) fn with_handler(handler: &Value) -> Value {
    json!({"version": "2.0", "customHandler": handler})
}

/// A folder that goes when the test is done.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("devhost-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
