//! `cargo xtask test`: everything that tests need, then all tests.

mod tools;

use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{self, Cluster};
use crate::workspace;
use std::process::{Command, ExitCode, Stdio};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Runs what happens at random against the model of it instead, with fresh seeds, on both engines: what fails is shown with the
    /// fewest steps and its seed.
    #[arg(long)]
    soak: bool,
    /// How long that takes.
    #[arg(long, requires = "soak", default_value_t = 15, value_name = "MINUTES")]
    minutes: u64,
    /// Arguments for `cargo nextest run`, or `cargo test` where nextest is not installed.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    tools::install()?;
    if options.soak {
        return soak(options);
    }
    // Tests that drive the built programs find them in the target folder. With the tests themselves: without them some crates
    // have fewer features, and would be built twice.
    must(
        workspace::cargo().args(["build", "--workspace", "--all-targets"]),
        "the build",
    )?;
    // One server for the whole run: each test makes a database of its own on it.
    let cluster = Cluster::start().context("PostgreSQL for the tests")?;
    let url = cluster.url("postgres");
    if options.arguments.is_empty() {
        // Examples in the documentation, which nextest does not run. First, so that the runner has the last word.
        let mut examples = workspace::cargo();
        examples
            .args(["test", "--workspace", "--doc", "--quiet"])
            .env(postgres::ENV, &url);
        must(&mut examples, "an example in the documentation")?;
    }
    let mut runner = workspace::cargo();
    if has_nextest() {
        runner.args(["nextest", "run", "--workspace"]);
    } else {
        println!("cargo-nextest is not installed: running with cargo test.");
        runner.args(["test", "--workspace", "--lib", "--bins", "--tests"]);
    }
    let status = runner
        .args(&options.arguments)
        .env(postgres::ENV, &url)
        .status()
        .context("the test runner")?;
    drop(cluster);
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What `store/tests/suite/model` reads.
const SOAK_MINUTES: &str = "INVENTORY_SOAK_MINUTES";

/// Not by nextest, which ends what takes so long.
fn soak(options: &Options) -> Result<ExitCode> {
    let status = workspace::cargo()
        .args([
            "test",
            "--package",
            "inventory-store",
            "--test",
            "engines",
            "model::",
            "--",
        ])
        .args(["--nocapture", "--test-threads", "2"])
        .args(&options.arguments)
        .env(SOAK_MINUTES, options.minutes.to_string())
        .status()
        .context("cargo test")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn must(command: &mut Command, what: &str) -> Result<()> {
    match command.status().context(what)? {
        status if status.success() => Ok(()),
        _ => Err(Failure(format!("{what} failed"))),
    }
}

fn has_nextest() -> bool {
    let mut version = workspace::cargo();
    version
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
