//! `inventory`: what operators run. Thin over `inventory-app`: read the arguments, call one use case, say what came of it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod commands;
mod database;
mod failure;
mod output;
mod progress;

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
    match run(&arguments, output).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(arguments: &Arguments, output: Output) -> Result<u8, Failure> {
    let url = arguments.database_url.as_deref();
    match &arguments.command {
        Command::Migrate => commands::migrate::run(url, output).await,
        Command::Import { file } => commands::import::run(url, file, output).await,
        Command::Export(export) => commands::export::run(url, export, output).await,
        Command::Reconcile { fix } => commands::reconcile::run(url, *fix, output).await,
        Command::EraseCustomer { customer } => commands::erase_customer::run(url, customer, output).await,
        Command::Parked(command) => commands::parked::run(url, command, output).await,
        Command::Clients(command) => commands::accounts::clients(url, command, output).await,
        Command::Users(command) => commands::accounts::users(url, command, output).await,
        Command::Settings(command) => commands::settings::run(url, command, output),
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
