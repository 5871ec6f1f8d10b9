//! The application, as a command needs it.

use crate::failure::Failure;
use inventory_app::{App, Caller, Settings};
use std::path::{Path, PathBuf};

/// Opens the database for what may make it.
pub(crate) async fn open_new(url: Option<&str>) -> Result<App, Failure> {
    let settings = Settings::for_cli(url)?;
    if let Some(directory) = sqlite_file(&settings.database.url).as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::Unavailable(format!("{}: {error}", directory.display())))?;
    }
    let app = App::build(settings)?;
    app.prepare().await?;
    Ok(app)
}

/// Opens a database of which only the server or the engine matters.
pub(crate) async fn open_server(settings: Settings) -> Result<App, Failure> {
    let app = App::build(settings)?;
    app.prepare().await?;
    Ok(app)
}

/// Opens a database that must be there with its present schema.
pub(crate) async fn open(url: Option<&str>) -> Result<App, Failure> {
    let app = open_older(url).await?;
    match app.store().is_migrated().await {
        Ok(true) => Ok(app),
        Ok(false) => Err(Failure::NotMigrated),
        Err(error) => Err(inventory_app::Error::from(error).into()),
    }
}

/// Opens a database that must be there, with whatever schema.
pub(crate) async fn open_older(url: Option<&str>) -> Result<App, Failure> {
    let settings = Settings::for_cli(url)?;
    // SQLite would make an empty database of a mistyped path.
    if let Some(file) = sqlite_file(&settings.database.url).filter(|file| !file.exists()) {
        let file = file.display();
        return Err(Failure::Unavailable(format!(
            "there is no database {file} (`inventory migrate` makes one)"
        )));
    }
    let app = App::build(settings)?;
    app.prepare().await?;
    Ok(app)
}

/// Who does it, for the audit trail.
pub(crate) fn caller() -> Caller {
    Caller::new("inventory-cli", uuid::Uuid::now_v7().to_string())
}

/// The file of a SQLite database.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or_default();
    (path != ":memory:").then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_file_is_told_from_its_url() {
        assert_eq!(sqlite_file("sqlite:a/b.db"), Some(PathBuf::from("a/b.db")));
        assert_eq!(sqlite_file("sqlite:///a/b.db?mode=rwc"), Some(PathBuf::from("/a/b.db")));
        assert_eq!(sqlite_file("sqlite::memory:"), None);
        assert_eq!(sqlite_file("postgres://localhost/inventory"), None);
    }
}
