//! PostgreSQL's own programs.

use crate::failure::Failure;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where Debian keeps each version's programs.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program: on PATH, else the newest of those that Debian keeps beside it.
pub(super) fn find(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path);
    let debian = versions(Path::new(DEBIAN))
        .into_iter()
        .map(|version| version.join("bin"));
    on_path
        .chain(debian)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            Failure::Input(format!(
                "{name} is not installed (Debian: apt-get install postgresql-client)"
            ))
        })
}

/// Directories named after a version, the newest first.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}
