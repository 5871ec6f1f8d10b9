//! SQLite: `VACUUM INTO`, and its backup interface the other way round, which others that have the file open see.

use crate::failure::Failure;
use rusqlite::{Connection, MAIN_DB, OpenFlags, backup::Progress};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long somebody else may keep the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// What belongs to a database besides its file.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

fn open(file: &Path, flags: OpenFlags) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = connection.map_err(|error| failed(file, &error))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|error| failed(file, &error))?;
    Ok(connection)
}

fn failed(file: &Path, error: &rusqlite::Error) -> Failure {
    Failure::Unavailable(format!("{}: {error}", file.display()))
}

/// Writes the database as it is now to an empty file.
pub(super) fn copy(database: &Path, file: &Path) -> Result<(), Failure> {
    let connection = open(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let target = file
        .to_str()
        .ok_or_else(|| Failure::Input("the file's name is no text".to_owned()))?;
    let copied = connection.execute("VACUUM INTO ?1", [target]);
    copied.map(drop).map_err(|error| failed(file, &error))
}

/// Whether the file is whole and of an inventory.
pub(super) fn check(file: &Path) -> Result<(), Failure> {
    let wrong = |what: &str| Failure::Input(format!("{}: {what}", file.display()));
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let said: Result<String, _> = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match said.as_deref() {
        Ok("ok") => {}
        Ok(_) | Err(_) => return Err(wrong("it is damaged")),
    }
    let tables: i64 = connection
        .query_row(
            "SELECT COUNT(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'",
            [],
            |row| row.get(0),
        )
        .map_err(|error| failed(file, &error))?;
    if tables == 1 {
        Ok(())
    } else {
        Err(wrong("there is no inventory in it"))
    }
}

/// Whether there is no table, or no file.
pub(super) fn is_empty(file: &Path) -> Result<bool, Failure> {
    if !file.exists() {
        return Ok(true);
    }
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let tables: i64 = connection
        .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| failed(file, &error))?;
    Ok(tables == 0)
}

/// Puts the backup in place of what the database holds, in one transaction of SQLite's.
pub(super) fn restore(database: &Path, file: &Path) -> Result<(), Failure> {
    let mut connection = open(
        database,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    let restored = connection.restore(MAIN_DB, file, None::<fn(Progress)>);
    restored.map_err(|error| failed(database, &error))
}

/// Deletes a database.
pub(super) fn remove(file: &Path) -> Result<(), Failure> {
    let beside = BESIDE.iter().map(|end| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    for path in beside.chain([file.to_owned()]) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::Unavailable(format!("{}: {error}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}
