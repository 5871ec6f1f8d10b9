//! Rebuilds when sources change. The host starts the new handler when its file changes, while the old one serves, so a build
//! that fails leaves the old one serving as well.

use crate::failure::Result;
use crate::group::Group;
use crate::workspace::{self, Profile};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

/// What the handler is made of.
const SOURCES: [&str; 6] = ["domain", "store", "azure", "app", "handlers", "cli"];
/// Editors write a file in several steps, and people several files: what follows so soon belongs to the same change.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches and rebuilds in the background until dropped.
pub(super) struct Rebuild {
    task: JoinHandle<()>,
    _watcher: RecommendedWatcher,
}

impl Rebuild {
    pub(super) fn start(root: &Path, profile: Profile) -> Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| matters(&event)) {
                // Without a receiver the session is over.
                let _ = sender.send(());
            }
        })?;
        for folder in SOURCES {
            watcher.watch(&root.join(folder), RecursiveMode::Recursive)?;
        }
        // The folder, not the files: editors replace a file instead of writing it.
        watcher.watch(root, RecursiveMode::NonRecursive)?;
        Ok(Self {
            task: tokio::spawn(rebuild(changes, profile)),
            _watcher: watcher,
        })
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        // Drops a running build, which kills it.
        self.task.abort();
    }
}

fn matters(event: &Event) -> bool {
    !event.kind.is_access() && event.paths.iter().any(|path| is_source(path))
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    matches!(extension, "rs" | "toml" | "sql" | "html" | "css" | "js" | "png") || name == "Cargo.lock"
}

async fn rebuild(mut changes: UnboundedReceiver<()>, profile: Profile) {
    while changes.recv().await.is_some() {
        settle(&mut changes).await;
        println!("Sources changed: building.");
        let started = Instant::now();
        let built = match Group::spawn(workspace::build(profile)) {
            Ok(mut build) => build.wait().await.is_ok_and(|status| status.success()),
            Err(failure) => {
                eprintln!("{failure}");
                false
            }
        };
        if built {
            println!("Built in {:.1} s.", started.elapsed().as_secs_f64());
        } else {
            eprintln!("The build failed: the handler that is running stays.");
        }
    }
}

/// Returns when nothing has changed for a moment.
async fn settle(changes: &mut UnboundedReceiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(SETTLE, changes.recv()).await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_from_the_rest() {
        assert!(is_source(Path::new("app/src/orders.rs")));
        assert!(is_source(Path::new("store/migrations/sqlite/0001.sql")));
        assert!(is_source(Path::new("Cargo.lock")));
        assert!(!is_source(Path::new("app/src/.orders.rs.swp")));
        assert!(!is_source(Path::new(".inventory/inventory.db-wal")));
        assert!(!is_source(Path::new("local.settings.json")));
    }
}
