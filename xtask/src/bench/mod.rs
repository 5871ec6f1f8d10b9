//! `cargo xtask bench`: what the release build does on this machine, beside a yardstick, and what holds it back.
//!
//! The load comes from this process, over kept connections, and shares the processors with everything it measures: the
//! numbers are of the whole system on one machine, not of the handler alone.

mod cpu;
mod database;
mod desk;
mod handler;
mod host;
mod load;
mod report;
mod rows;
mod tpcb;

use crate::failure::{Context as _, Failure, Result};
use crate::group::Group;
use crate::signals::Signals;
use crate::workspace::{self, Profile};
use database::{Database, Engine, Scratch};
use report::Report;
use rows::Rows;
use std::process::{Command, ExitCode};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which databases to measure on.
    #[arg(long, value_enum, default_value_t = Engines::All)]
    engine: Engines,
    /// How long each row is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Connections that send at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// Only rows whose name contains this.
    row: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engines {
    Postgres,
    Sqlite,
    All,
}

pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let measured = async {
        // A load generator without optimisation would measure itself.
        if cfg!(debug_assertions) {
            again_as_release().await
        } else {
            measure(options).await
        }
    };
    tokio::select! {
        // Dropping it ends everything it has started and deletes everything it has made.
        () = signals.recv() => Ok(ExitCode::FAILURE),
        code = measured => code,
    }
}

async fn again_as_release() -> Result<ExitCode> {
    let mut itself = workspace::cargo();
    itself.args(["build", "--release", "--package", "xtask"]);
    let mut programs = workspace::build(Profile::Release);
    programs.args(["--bins", "--example", desk::HANDLER]);
    for build in [programs, itself] {
        if !Group::spawn(build)?.wait().await?.success() {
            return Err(Failure::new("the build failed"));
        }
    }
    let mut command = Command::new(workspace::program(Profile::Release, "xtask"));
    command.args(std::env::args_os().skip(1));
    let status = Group::spawn(command)?.wait().await?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(options: &Options) -> Result<ExitCode> {
    report::machine(options)?;
    let mut all_well = true;
    let mut report = Report::new(options.row.as_deref());
    if report.wants_any(&desk::ROWS) {
        report.title("devhost with a handler that does next to nothing (its tests' echo)");
        let (time, connections) = (Duration::from_secs(options.seconds), usize::from(options.connections));
        all_well &= desk::measure(&Scratch::new()?, time, connections, &mut report).await?;
    }
    // No database is needed for these.
    if options.row.as_deref().is_some_and(|row| row.starts_with("devhost")) {
        return Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for engine in [Engine::Postgres, Engine::Sqlite] {
        match (options.engine, engine) {
            (Engines::Postgres, Engine::Sqlite) | (Engines::Sqlite, Engine::Postgres) => {}
            _ => all_well &= measure_on(engine, options).await.context(engine.name())?,
        }
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says whether no request failed and the books agree afterwards.
async fn measure_on(engine: Engine, options: &Options) -> Result<bool> {
    let scratch = Scratch::new()?;
    let server = engine.start()?;
    let time = Duration::from_secs(options.seconds);
    let connections = usize::from(options.connections);
    let mut all_well = true;

    let mut report = Report::new(options.row.as_deref());
    report.title(&format!(
        "{}: client -> handler (no Service Bus: what the relay would send waits in the outbox)",
        server.describe()?
    ));
    if report.wants_any(&Rows::DIRECT) {
        let database = Database::make(&server, &scratch, "direct").await?;
        let rows = Rows {
            database: &database,
            time,
            connections,
        };
        all_well &= rows.direct(&mut report).await?;
        all_well &= database.reconcile().await?;
    }

    report.title(&format!(
        "{}: client -> devhost -> handler (events are sent, orders are decided from the queue)",
        server.describe()?
    ));
    if report.wants_any(&Rows::THROUGH_HOST) {
        let database = Database::make(&server, &scratch, "host").await?;
        let rows = Rows {
            database: &database,
            time,
            connections,
        };
        all_well &= rows.through_host(&mut report, &scratch).await?;
        all_well &= database.reconcile().await?;
    }

    if let Some(cluster) = server.cluster().filter(|_| report.wants(tpcb::ROW)) {
        report.title("The same PostgreSQL, for comparison");
        tpcb::measure(cluster, &scratch, time, connections, &mut report).await?;
    }
    Ok(all_well)
}
