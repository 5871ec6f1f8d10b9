//! Learns when the functions answer, from the file that the host writes then.

use crate::failure::{Context as _, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// What the host writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) port: u16,
    pub(crate) process_id: u32,
    pub(crate) handler_process_id: u32,
    pub(crate) handler_port: u16,
}

/// Waits for the host's ready file.
pub(crate) struct Ready {
    path: PathBuf,
    changes: watch::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl Ready {
    /// Begins to watch, and removes the file of an earlier run.
    pub(crate) fn new(data: &Path) -> Result<Self> {
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

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns once the functions answer.
    pub(crate) async fn wait(&self) -> Written {
        let mut changes = self.changes.clone();
        loop {
            if let Some(written) = self.read() {
                return written;
            }
            if changes.changed().await.is_err() {
                // The watcher is gone, which only dropping us does.
                std::future::pending::<()>().await;
            }
        }
    }

    fn read(&self) -> Option<Written> {
        let ready: Value = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        let number = |name: &str| ready[name].as_u64();
        Some(Written {
            port: u16::try_from(number("port")?).ok()?,
            process_id: u32::try_from(number("pid")?).ok()?,
            handler_process_id: u32::try_from(number("handler_pid")?).ok()?,
            handler_port: u16::try_from(number("handler_port")?).ok()?,
        })
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // Nobody answers any more. Where it cannot be removed, the next run will.
        let _ = std::fs::remove_file(&self.path);
    }
}
