//! Databases to measure on: durable, throw-away, filled with one catalogue.

use super::cpu::Processes;
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{self, Cluster, Durability};
use crate::workspace::{self, Profile};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Products in the catalogue, each with stock at one location.
pub(super) const PRODUCTS: u64 = 1_000;
/// Units on hand of each: more than all rows together order.
const ON_HAND: u64 = 1_000_000_000;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }

    pub(super) fn start(self) -> Result<Server> {
        Ok(match self {
            Self::Postgres => Server(Some(Cluster::start_with(Durability::Full)?)),
            Self::Sqlite => Server(None),
        })
    }
}

/// Where databases are made: a PostgreSQL server, or for SQLite nothing.
pub(super) struct Server(Option<Cluster>);

impl Server {
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        self.0.as_ref()
    }

    pub(super) fn describe(&self) -> Result<String> {
        let Some(cluster) = &self.0 else {
            return Ok("SQLite (WAL, synchronous = full)".to_owned());
        };
        let said = postgres::psql(
            &cluster.url("postgres"),
            "SELECT current_setting('server_version') || ' (fsync ' || current_setting('fsync') || ', synchronous_commit '
             || current_setting('synchronous_commit') || ')'",
        )?;
        Ok(format!("PostgreSQL {said}"))
    }
}

/// A temporary folder. Dropped: deleted.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("inventory-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).context(path.display())?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over in the temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A migrated database with the catalogue in it.
pub(super) struct Database {
    pub(super) url: String,
    /// The server's processes; `None` where the handler is the database.
    pub(super) server: Option<Processes>,
}

impl Database {
    pub(super) async fn make(server: &Server, scratch: &Scratch, name: &str) -> Result<Self> {
        let (url, processes) = match server.cluster() {
            Some(cluster) => {
                let admin = cluster.url("postgres");
                postgres::psql(&admin, &format!("CREATE DATABASE {name}"))?;
                let pid = postgres::psql(&admin, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")?;
                let pid = pid.parse().context("the process id of PostgreSQL")?;
                (cluster.url(name), Some(Processes::Family(pid)))
            }
            None => (
                format!("sqlite:{}", scratch.path().join(format!("{name}.db")).display()),
                None,
            ),
        };
        let database = Self { url, server: processes };
        database.inventory(&["migrate"]).await?;
        let file = scratch.path().join("catalogue.csv");
        std::fs::write(&file, catalogue()).context(file.display())?;
        database.inventory(&["import", &file.to_string_lossy()]).await?;
        if server.cluster().is_some() {
            // What the server would find out by itself within a minute. Not the tables that are still empty: a session that
            // has planned for an analysed empty table scans it, however it grows, until it is analysed again.
            postgres::psql(
                &database.url,
                "ANALYZE products, stock_items, movements, audit, outbox, deliveries",
            )?;
        }
        Ok(database)
    }

    /// Says whether levels, ledger and reservations agree; shows what does not.
    pub(super) async fn reconcile(&self) -> Result<bool> {
        match self.inventory(&["reconcile"]).await {
            Ok(said) => {
                println!("  afterwards `inventory reconcile`: {said}");
                Ok(true)
            }
            Err(failure) => {
                println!("  afterwards {failure}");
                Ok(false)
            }
        }
    }

    async fn inventory(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(workspace::program(Profile::Release, "inventory"))
            .args(arguments)
            .env("DATABASE_URL", &self.url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("inventory")?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            Ok(said)
        } else {
            let wrong = String::from_utf8_lossy(&output.stderr);
            Err(Failure(format!(
                "`inventory {}` failed: {said} {}",
                arguments.join(" "),
                wrong.trim()
            )))
        }
    }
}

fn catalogue() -> String {
    let mut csv = "sku,name,unit_price_minor,currency,on_hand,reorder_point\n".to_owned();
    for product in 1..=PRODUCTS {
        let _ = writeln!(csv, "B-{product:04},Product {product},1000,EUR,{ON_HAND},10");
    }
    csv
}
