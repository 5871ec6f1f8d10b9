//! Backups: PostgreSQL's by its own programs, SQLite's by itself.

mod directory;
pub(crate) mod libpq;
mod postgres;
mod programs;
mod sqlite;

pub(crate) use directory::Directory;

use crate::{database, failure::Failure};
use inventory_app::{App, clock, secrets::ExposeSecret as _};
use libpq::Server;
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a program that dumps or restores may take: D6's time to recover.
const PROGRAM_TIMEOUT: Duration = Duration::from_hours(4);
/// How a file of `pg_dump`'s custom format begins.
const POSTGRES_MAGIC: &[u8] = b"PGDMP";
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// What a backup file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    /// What the file's first bytes say.
    pub(crate) fn of(file: &Path) -> Result<Self, Failure> {
        let mut head = Vec::new();
        let read = File::open(file).and_then(|file| file.take(16).read_to_end(&mut head));
        read.map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?;
        if head.starts_with(POSTGRES_MAGIC) {
            Ok(Self::Postgres)
        } else if head.starts_with(SQLITE_MAGIC) {
            Ok(Self::Sqlite)
        } else {
            Err(Failure::Input(format!("{}: not a backup of ours", file.display())))
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Postgres => "dump",
            Self::Sqlite => "db",
        }
    }
}

/// A database, as what backs it up reaches it.
#[derive(Debug)]
pub(crate) enum Place {
    Postgres(Server),
    Sqlite(PathBuf),
}

/// A backup that was made and can be read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Backup {
    pub(crate) file: PathBuf,
    pub(crate) engine: Kind,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
}

impl Place {
    /// The application's database.
    pub(crate) fn of(app: &App) -> Result<Self, Failure> {
        if let Some((url, password)) = app.store().way() {
            return Ok(Self::Postgres(Server::new(url.expose_secret(), password)?));
        }
        let file = database::sqlite_file(&app.settings().database.url);
        file.map(Self::Sqlite).ok_or_else(|| {
            Failure::Input("a database in memory is gone with its process: there is nothing to back up".to_owned())
        })
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Postgres(_) => Kind::Postgres,
            Self::Sqlite(_) => Kind::Sqlite,
        }
    }

    /// Whether nothing is in it.
    pub(crate) async fn is_empty(&self) -> Result<bool, Failure> {
        match self {
            Self::Postgres(server) => postgres::is_empty(server).await,
            Self::Sqlite(file) => sqlite::is_empty(file),
        }
    }

    /// Writes a backup: all of it or none, and only to a file that was not there. It is read again before it counts.
    pub(crate) async fn back_up(&self, path: &Path, environment: Option<&str>) -> Result<Backup, Failure> {
        let started = Instant::now();
        let file = self.target(path, environment)?;
        let partial = file.with_extension(format!("{}.partial", uuid::Uuid::now_v7()));
        private_file(&partial)?;
        let made = async {
            match self {
                Self::Postgres(server) => postgres::dump(server, &partial).await?,
                Self::Sqlite(database) => sqlite::copy(database, &partial)?,
            }
            self.kind().check(&partial).await?;
            let cannot = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", file.display()));
            let written = File::open(&partial).map_err(cannot)?;
            written.sync_all().map_err(cannot)?;
            let bytes = written.metadata().map_err(cannot)?.len();
            fs::rename(&partial, &file).map_err(cannot)?;
            Ok(bytes)
        };
        let bytes = made.await.inspect_err(|_: &Failure| drop(fs::remove_file(&partial)))?;
        Ok(Backup {
            engine: self.kind(),
            bytes,
            seconds: started.elapsed().as_secs_f64(),
            file,
        })
    }

    /// The file to write: `path` itself, or one named after environment and time in the directory `path`.
    fn target(&self, path: &Path, environment: Option<&str>) -> Result<PathBuf, Failure> {
        let is_directory = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
        let file = if is_directory {
            fs::create_dir_all(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
            let time = clock().to_string();
            let seconds = time.split('.').next().unwrap_or_default().replace(['-', ':'], "");
            path.join(format!(
                "inventory-{}-{seconds}Z.{}",
                environment.unwrap_or("database"),
                self.kind().extension()
            ))
        } else {
            path.to_owned()
        };
        if file.exists() {
            return Err(Failure::Input(format!("{} is there already", file.display())));
        }
        Ok(file)
    }

    /// Puts a backup in place of what is there: all of it or nothing. Refuses a database that holds something, unless it is
    /// to be overwritten.
    pub(crate) async fn restore(&self, file: &Path, overwrite: bool) -> Result<(), Failure> {
        let kind = Kind::of(file)?;
        if kind != self.kind() {
            return Err(Failure::Input(format!(
                "{} is a backup of the other engine",
                file.display()
            )));
        }
        kind.check(file).await?;
        if !overwrite && !self.is_empty().await? {
            return Err(Failure::Refused(
                "the database holds something; --overwrite puts the backup in its place".to_owned(),
            ));
        }
        match self {
            Self::Postgres(server) => postgres::restore(server, file, overwrite).await,
            Self::Sqlite(database) => sqlite::restore(database, file),
        }
    }

    /// An empty database to try something on, beside this one: on the same server, or in `directory`.
    pub(crate) async fn scratch(&self, directory: &Directory) -> Result<Scratch, Failure> {
        let place = match self {
            Self::Postgres(server) => Self::Postgres(postgres::create_scratch(server).await?),
            Self::Sqlite(_) => Self::Sqlite(directory.path().join(format!("{}.db", uuid::Uuid::now_v7()))),
        };
        Ok(Scratch { place })
    }

    fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url().to_owned(),
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
        }
    }
}

impl Kind {
    /// Whether a file can be read from end to end as a backup of an inventory.
    async fn check(self, file: &Path) -> Result<(), Failure> {
        match self {
            Self::Postgres => postgres::check(file).await,
            Self::Sqlite => sqlite::check(file),
        }
    }
}

/// A database that nobody else uses. It is to be [destroyed](Scratch::destroy).
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) place: Place,
}

impl Scratch {
    /// The application on it, with everything else as in `app`.
    pub(crate) async fn open(&self, app: &App) -> Result<App, Failure> {
        let mut settings = app.settings().clone();
        settings.azure.key_vault = None;
        settings.database.url = self.place.url();
        if let Place::Postgres(server) = &self.place {
            settings.database.password = server.password().cloned();
        }
        let app = App::build(settings)?;
        app.prepare().await?;
        Ok(app)
    }

    /// Destroys it with everything in it.
    pub(crate) async fn destroy(self) -> Result<(), Failure> {
        match self.place {
            Place::Postgres(server) => postgres::drop_scratch(&server).await,
            Place::Sqlite(file) => sqlite::remove(&file),
        }
    }
}

/// An empty file for us alone: personal data is going to be in it.
fn private_file(path: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path);
    made.map(drop)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}
