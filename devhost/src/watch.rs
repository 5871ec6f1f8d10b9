//! Tells when files of the app change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{Event, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::config::App;

/// Editors and builds write a file in several steps; what follows within this time belongs to the same change.
const SETTLE: Duration = Duration::from_millis(200);

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `host.json`, `local.settings.json` or a `function.json`: the app is to be loaded anew.
    App,
    /// The handler's executable: it is to be started anew.
    Binary,
}

/// Watches the files of one app. Dropping it ends the watch.
pub struct Watch {
    _watcher: notify::RecommendedWatcher,
    events: mpsc::UnboundedReceiver<PathBuf>,
    files: Files,
}

struct Files {
    root: PathBuf,
    executable: Option<PathBuf>,
    stamp: Option<Stamp>,
}

/// What tells two states of an executable apart.
type Stamp = (SystemTime, u64);

impl Watch {
    /// Watches `app`; its executable only where `binary` is set.
    pub fn new(app: &App, binary: bool) -> notify::Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            if event.kind.is_access() {
                return;
            }
            for path in event.paths {
                // Without a receiver the watch is over.
                let _ = sender.send(path);
            }
        })?;
        let root = app.root.canonicalize().unwrap_or_else(|_| app.root.clone());
        let executable = Some(&app.host.handler.executable)
            .filter(|path| binary && path.is_file())
            .map(|path| canonical(path));
        let mut folders: BTreeSet<PathBuf> = BTreeSet::from([root.clone()]);
        folders.extend(app.functions.iter().map(|function| canonical(&function.directory)));
        folders.extend(executable.as_deref().and_then(Path::parent).map(Path::to_path_buf));
        let functions = root.join("functions");
        for folder in folders.iter().filter(|folder| !folder.starts_with(&functions)) {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        if functions.is_dir() {
            watcher.watch(&functions, RecursiveMode::Recursive)?;
        }
        let stamp = executable.as_deref().and_then(stamp);
        Ok(Self {
            _watcher: watcher,
            events,
            files: Files {
                root,
                executable,
                stamp,
            },
        })
    }

    /// The next change; never returns where there is none any more.
    pub async fn changed(&mut self) -> Change {
        loop {
            let Some(path) = self.events.recv().await else {
                return std::future::pending().await;
            };
            let mut app = self.files.is_app(&path);
            let mut binary = self.files.is_binary(&path);
            if !app && !binary {
                continue;
            }
            while let Ok(Some(path)) = tokio::time::timeout(SETTLE, self.events.recv()).await {
                app |= self.files.is_app(&path);
                binary |= self.files.is_binary(&path);
            }
            // A new executable is started by loading the app anew, too.
            let renewed = binary && self.files.is_renewed();
            if app {
                return Change::App;
            }
            if renewed {
                return Change::Binary;
            }
        }
    }
}

impl Files {
    fn is_app(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name {
            "host.json" | "local.settings.json" => path.parent() == Some(&self.root),
            "function.json" => true,
            // A folder that comes or goes may be a function.
            _ => {
                let functions = self.root.join("functions");
                path == functions || path.parent() == Some(&functions)
            }
        }
    }

    fn is_binary(&self, path: &Path) -> bool {
        self.executable.as_deref() == Some(path)
    }

    /// Whether the executable is there and is another one than before; while a build replaces it, it is not.
    fn is_renewed(&mut self) -> bool {
        let now = self.executable.as_deref().and_then(stamp);
        if now.is_none() || now == self.stamp {
            return false;
        }
        self.stamp = now;
        true
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
