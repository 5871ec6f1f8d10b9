//! What is remembered of a timer, in one small file each.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The status of a timer's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// The schedule's text: another one makes the rest void.
    pub schedule: String,
    /// The last occurrence that was called for; `None`: never.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last: Option<OffsetDateTime>,
    /// The next one.
    #[serde(with = "time::serde::rfc3339")]
    pub next: OffsetDateTime,
    /// When this was written.
    #[serde(with = "time::serde::rfc3339")]
    pub last_updated: OffsetDateTime,
}

/// The folder of these files.
#[derive(Debug, Clone)]
pub struct StatusStore {
    folder: PathBuf,
}

impl StatusStore {
    /// Opens the folder, and makes it where it is not there.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_path_buf(),
        })
    }

    /// What is known of `function`; a file that cannot be read is as good as none.
    pub fn load(&self, function: &str) -> Option<ScheduleStatus> {
        let text = std::fs::read_to_string(self.path(function)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it; whole or not at all.
    pub fn save(&self, function: &str, status: &ScheduleStatus) -> std::io::Result<()> {
        let path = self.path(function);
        let draft = path.with_extension("draft");
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(serde_json::to_string(status)?.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(draft, path)
    }

    fn path(&self, function: &str) -> PathBuf {
        self.folder.join(format!("{}.json", function.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use time::macros::datetime;

    #[test]
    fn what_is_written_is_read() {
        let folder = TempDir::new();
        let store = StatusStore::open(&folder.path().join("timers")).unwrap();
        assert_eq!(store.load("tick"), None);
        let status = ScheduleStatus {
            schedule: "0 * * * * *".to_owned(),
            last: None,
            next: datetime!(2026-01-01 00:01:00 UTC),
            last_updated: datetime!(2026-01-01 00:00:30.5 UTC),
        };
        store.save("Tick", &status).unwrap();
        assert_eq!(store.load("tick"), Some(status));
    }
}
