//! `inventory`: what operators run. Thin over `inventory-app`: read the arguments, call one use case, say what came of it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod backup;
mod baseline;
mod commands;
mod database;
mod dora;
mod failure;
mod logs;
mod output;
mod package;
mod progress;
mod service;

use args::{Arguments, Command};
use clap::Parser as _;
use failure::Failure;
use output::Output;
use std::process::ExitCode;

/// Everything that was asked for was done and found in order.
const ALL_WELL: u8 = 0;
/// It was done, and something in it needs a person: lines refused, drift found, a message not sent again.
const NEEDS_ATTENTION: u8 = 1;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logging();
    let output = Output { json: arguments.json };
    match Box::pin(run(&arguments, output)).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(arguments: &Arguments, output: Output) -> Result<u8, Failure> {
    let url = arguments.database_url.as_deref();
    let environment = arguments.env.as_deref();
    is_meant(environment, std::env::var("ENVIRONMENT").ok().as_deref())?;
    match &arguments.command {
        Command::Migrate { backup } => commands::migrate::run(url, backup.as_deref(), environment, output).await,
        Command::Backup(command) => Box::pin(commands::backup::run(url, command, environment, output)).await,
        Command::Restore { file, overwrite } => commands::restore::run(url, file, *overwrite, output).await,
        Command::Drill(arguments) => Box::pin(commands::drill::run(url, arguments, output)).await,
        Command::Baseline(command) => commands::baseline::run(command, environment, output).await,
        Command::RollbackCheck(arguments) => commands::rollback_check::run(url, arguments, output).await,
        Command::Logs(command) => commands::logs::run(command, output),
        Command::Kpis(span) => commands::kpis::run(url, span, output).await,
        Command::Dora(command) => commands::dora::run(command, environment, output),
        Command::Document => commands::document::run(output),
        Command::Verify(arguments) => commands::verify::run(arguments, environment, output).await,
        Command::Health { url } => commands::health::run(url, environment, output).await,
        Command::Smoke(arguments) => commands::smoke::run(arguments, environment, output).await,
        Command::Import { file } => commands::import::run(url, file, output).await,
        Command::Export(export) => commands::export::run(url, export, output).await,
        Command::Reconcile { fix } => commands::reconcile::run(url, *fix, output).await,
        Command::EraseCustomer { customer } => commands::erase_customer::run(url, customer, output).await,
        Command::Parked(command) => commands::parked::run(url, command, output).await,
        Command::Clients(command) => Box::pin(commands::accounts::clients(url, command, output)).await,
        Command::Users(command) => Box::pin(commands::accounts::users(url, command, output)).await,
        Command::Deploy(arguments) => Box::pin(commands::deploy::run(url, arguments, environment, output)).await,
        Command::Secrets(command) => Box::pin(commands::secrets::run(url, command, output)).await,
        Command::Settings(command) => commands::settings::run(url, command, output),
    }
}

/// Refuses to work on another environment than the one that is meant.
fn is_meant(wanted: Option<&str>, is: Option<&str>) -> Result<(), Failure> {
    match (wanted, is.map(str::trim).filter(|is| !is.is_empty())) {
        (Some(wanted), Some(is)) if wanted != is => Err(Failure::Input(format!(
            "--env says {wanted}, the setting ENVIRONMENT says {is}: nothing was done"
        ))),
        _ => Ok(()),
    }
}

/// Causes that the application logs (why the database is away, say) go to stderr. Drift does not: it is the report itself.
fn init_logging() {
    tracing_subscriber::fmt()
        .with_env_filter("warn,inventory_app::stock=off")
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
