//! PostgreSQL: `pg_dump`, `pg_restore` and `psql`.

use super::{
    PROGRAM_TIMEOUT,
    libpq::{Server, command, failed, run},
};
use crate::failure::Failure;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How long a short statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);
/// Tables and what is like them in our schema, but for those of extensions. Sequences last: most go with their tables.
const RELATIONS: &str = "\
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";
/// Waiting for whoever uses the database has an end: it is to be stopped first.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '15s';";
/// A schema's backup has indexes by an extension's operators, and not the extension. Where it cannot be had, there was no such
/// index either: the migration makes it only where it can.
const EXTENSIONS: &str = "\
DO $extensions$ BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR invalid_parameter_value THEN NULL;
END $extensions$;";
/// Everything that is restored again. The schema itself stays: it may belong to somebody else.
const FUNCTIONS: &str = "\
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')";

/// Writes the database to a file in the custom format: compressed, and read by `pg_restore` alone.
pub(super) async fn dump(server: &Server, file: &Path) -> Result<(), Failure> {
    let mut dump = server.command("pg_dump")?;
    dump.args([
        "--format=custom",
        "--no-password",
        "--lock-wait-timeout=60000",
        "--file",
    ])
    .arg(file);
    run(dump, "pg_dump", PROGRAM_TIMEOUT).await.map(drop)
}

/// Whether the file is whole and of an inventory: all of it is read, as for a restore.
pub(super) async fn check(file: &Path) -> Result<(), Failure> {
    let mut restore = command("pg_restore")?;
    restore.arg("--file=/dev/null").arg(file);
    let unreadable = |failure: Failure| Failure::Input(format!("{}: {failure}", file.display()));
    run(restore, "pg_restore", PROGRAM_TIMEOUT).await.map_err(unreadable)?;
    let mut list = command("pg_restore")?;
    list.arg("--list").arg(file);
    let contents = run(list, "pg_restore", PROGRAM_TIMEOUT).await.map_err(unreadable)?;
    if contents.contains(" TABLE DATA public _sqlx_migrations ") {
        Ok(())
    } else {
        Err(Failure::Input(format!(
            "{}: there is no inventory in it",
            file.display()
        )))
    }
}

/// Whether there is no table.
pub(super) async fn is_empty(server: &Server) -> Result<bool, Failure> {
    let count = ask(server, &format!("SELECT COUNT(*) {RELATIONS}")).await?;
    Ok(count == "0")
}

/// Restores in one transaction. It is committed only when the whole file has gone in.
pub(super) async fn restore(server: &Server, file: &Path, overwrite: bool) -> Result<(), Failure> {
    let mut reading = command("pg_restore")?;
    reading
        .args(["--no-owner", "--no-privileges", "--schema=public", "--file=-"])
        .arg(file);
    let mut reading = reading
        .spawn()
        .map_err(|error| Failure::Internal(format!("pg_restore: {error}")))?;
    let mut writing = server.psql()?;
    writing.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut writing = writing
        .spawn()
        .map_err(|error| Failure::Internal(format!("psql: {error}")))?;
    let pipes = (
        reading.stdout.take(),
        reading.stderr.take(),
        writing.stdin.take(),
        writing.stderr.take(),
    );
    let (Some(mut script), Some(mut read_said), Some(mut into), Some(mut write_said)) = pipes else {
        return Err(Failure::Internal("no pipes between pg_restore and psql".to_owned()));
    };
    let begin = format!(
        "BEGIN;\n{LOCK_TIMEOUT}\n{EXTENSIONS}\n{}",
        if overwrite { clean() } else { String::new() }
    );
    let through = async {
        // `psql` that has stopped at an error takes no more; its own words say why.
        let passed = async {
            into.write_all(begin.as_bytes()).await?;
            tokio::io::copy(&mut script, &mut into).await
        };
        let is_passed = passed.await.is_ok();
        drop(script);
        let read = reading.wait().await.is_ok_and(|status| status.success());
        if is_passed && read {
            // Plans are made from statistics, which a restore does not bring.
            drop(into.write_all(b"\nCOMMIT;\nANALYZE;\n").await);
        }
        drop(into);
        let written = writing.wait().await.is_ok_and(|status| status.success());
        (read, is_passed && written)
    };
    let (mut from_read, mut from_write) = (Vec::new(), Vec::new());
    let both = async {
        tokio::join!(
            through,
            read_said.read_to_end(&mut from_read),
            write_said.read_to_end(&mut from_write)
        )
        .0
    };
    let (read, written) = tokio::time::timeout(PROGRAM_TIMEOUT, both)
        .await
        .map_err(|_| Failure::Unavailable("the restore took too long".to_owned()))?;
    if !written {
        let said = String::from_utf8_lossy(&from_write);
        if said.contains("lock timeout") {
            return Err(Failure::Refused(
                "somebody uses the database: stop the function app before its database is overwritten".to_owned(),
            ));
        }
        return Err(failed("psql", &from_write));
    }
    if !read {
        return Err(failed("pg_restore", &from_read));
    }
    Ok(())
}

/// Drops everything in our schema.
fn clean() -> String {
    format!(
        "DO $clean$
DECLARE each record;
BEGIN
  FOR each IN SELECT format('DROP %s IF EXISTS %I.%I CASCADE',
      CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE'
                     ELSE 'TABLE' END, n.nspname, c.relname) AS statement
    {RELATIONS} ORDER BY c.relkind = 'S'
  LOOP EXECUTE each.statement; END LOOP;
  FOR each IN SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) AS statement {FUNCTIONS}
  LOOP EXECUTE each.statement; END LOOP;
END $clean$;
"
    )
}

/// Makes an empty database beside this one.
pub(super) async fn create_scratch(server: &Server) -> Result<Server, Failure> {
    let name = format!("inventory_scratch_{}", uuid::Uuid::now_v7().simple());
    ask(server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
    Ok(server.with_database(&name))
}

/// Drops a database that [`create_scratch`] has made, and no other.
pub(super) async fn drop_scratch(server: &Server) -> Result<(), Failure> {
    let name = server.database();
    if !name.starts_with("inventory_scratch_") {
        return Err(Failure::Internal(format!("{name} is no scratch database")));
    }
    let other = server.with_database("postgres");
    ask(&other, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        .await
        .map(drop)
}

/// Executes one statement of ours and gives what it says.
async fn ask(server: &Server, statement: &str) -> Result<String, Failure> {
    let mut psql = server.psql()?;
    psql.args(["-A", "-t", "-c", statement]);
    run(psql, "psql", STATEMENT_TIMEOUT).await
}
