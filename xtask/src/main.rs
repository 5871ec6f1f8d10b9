//! What developers run: `cargo xtask dev`, `test`, `package`, `invoke`, `bench`, `fuzz`, `openapi`.
//!
//! The first thing a newcomer builds, so it depends on little.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod dev;
mod failure;
mod fuzz;
mod group;
mod http;
mod invoke;
mod openapi;
mod package;
#[allow(dead_code, unreachable_pub, reason = "a library's file: not all of it is used here")]
#[path = "../../tests/src/postgres.rs"]
mod postgres;
mod settings;
mod signals;
mod test;
mod workspace;

use clap::{Parser, Subcommand};
use failure::Result;
use std::process::ExitCode;

/// What developers run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds everything and runs it here: functions, queues and timers on an embedded database; Ctrl-C stops it.
    Dev(dev::Options),
    /// Gets what tests need and is missing, then runs all tests. Arguments go to the test runner.
    Test(test::Options),
    /// Makes what is deployed: target/package/ and target/inventory-functions.zip.
    Package(package::Options),
    /// Calls a function of a running `cargo xtask dev`, whatever its trigger.
    Invoke(invoke::Options),
    /// Measures the release build on throw-away databases, with `pgbench` for comparison.
    Bench(bench::Options),
    /// Feeds devhost what a fuzzer makes up: bytes on the wire, replies, routes, schedules, files.
    Fuzz(fuzz::Options),
    /// Says what a change of the API's document means to those who call it.
    Openapi(openapi::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Dev(options) => dev::run(&options).await,
        Command::Test(options) => test::run(&options),
        Command::Package(options) => package::run(&options),
        Command::Invoke(options) => invoke::run(&options).await,
        Command::Bench(options) => bench::run(&options).await,
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Openapi(options) => openapi::run(&options),
    }
}
