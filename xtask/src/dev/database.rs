//! Which database a run uses.

use super::Options;
use crate::failure::Result;
use crate::settings;
use std::path::Path;

/// The database of a run.
pub(super) struct Database {
    pub(super) url: String,
    /// Whether `local.settings.json` says so itself, and the host need not be told.
    pub(super) in_settings: bool,
}

impl Database {
    /// The command line says, else the shell, else `local.settings.json`, else the data folder. A data folder that was
    /// asked for goes before `local.settings.json`: whoever wants a fresh place wants a fresh database.
    pub(super) fn choose(options: &Options, root: &Path, data: &Path) -> Result<Self> {
        let shell = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        if let Some(url) = options.database_url.clone().or(shell) {
            return Ok(Self {
                url,
                in_settings: false,
            });
        }
        if options.data.is_none()
            && let Some(url) = settings::read(root, "DATABASE_URL")?
        {
            return Ok(Self { url, in_settings: true });
        }
        Ok(Self {
            url: sqlite(&data.join("inventory.db")),
            in_settings: false,
        })
    }
}

fn sqlite(path: &Path) -> String {
    // The rest of a URL, where these three have a meaning.
    let path = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite:{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_part_of_a_url() {
        assert_eq!(sqlite(Path::new("/a b/c?.db")), "sqlite:/a b/c%3F.db");
    }
}
