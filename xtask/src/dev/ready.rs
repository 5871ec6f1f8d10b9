//! Learns when the functions answer, from the file that the host writes then.

use crate::failure::{Context as _, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// Waits for the host's ready file.
pub(super) struct Ready {
    path: PathBuf,
    changes: watch::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl Ready {
    /// Begins to watch, and removes the file of an earlier run.
    pub(super) fn new(data: &Path) -> Result<Self> {
        let path = data.join("ready.json");
        if path.exists() {
            std::fs::remove_file(&path).context(path.display())?;
        }
        let (changed, changes) = watch::channel(());
        let mut watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
            changed.send_replace(());
        })?;
        watcher.watch(data, RecursiveMode::NonRecursive)?;
        Ok(Self {
            path,
            changes,
            _watcher: watcher,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the port on which the functions answer, once they do.
    pub(super) async fn wait(&self) -> u16 {
        let mut changes = self.changes.clone();
        loop {
            if let Some(port) = self.port() {
                return port;
            }
            if changes.changed().await.is_err() {
                // The watcher is gone, which only dropping us does.
                std::future::pending::<()>().await;
            }
        }
    }

    fn port(&self) -> Option<u16> {
        let ready: Value = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        ready["port"].as_u64().and_then(|port| u16::try_from(port).ok())
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // Nobody answers any more. Where it cannot be removed, the next run will.
        let _ = std::fs::remove_file(&self.path);
    }
}
