//! The yardstick: `pgbench` with its TPC-B-like script on the same server. One transaction there is three updates, one
//! select and one insert.

use super::database::Scratch;
use super::report::Report;
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{self, Cluster};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

pub(super) const ROW: &str = "pgbench TPC-B, transactions";
/// Ten branches: connections do not wait for one row only.
const SCALE: &str = "10";

pub(super) async fn measure(
    cluster: &Cluster,
    scratch: &Scratch,
    time: Duration,
    connections: usize,
    report: &mut Report,
) -> Result<()> {
    postgres::psql(&cluster.url("postgres"), "CREATE DATABASE tpcb")?;
    let url = cluster.url("tpcb");
    pgbench(scratch.path(), &["--initialize", "--quiet", "--scale", SCALE, &url]).await?;
    let seconds = time.as_secs().to_string();
    let clients = connections.to_string();
    let output = pgbench(
        scratch.path(),
        &[
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "--client",
            &clients,
            "--time",
            &seconds,
            "--log",
            "--log-prefix=tpcb",
            &url,
        ],
    )
    .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .unwrap_or_default();
    let rate = rate.split('.').next().unwrap_or_default();
    let times = latencies(scratch.path())?;
    let rate = rate.parse().unwrap_or_default();
    let limit = format!("scale {SCALE}, prepared, {connections} connections");
    report.times(ROW, Some(rate), times, &limit);
    Ok(())
}

async fn pgbench(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let program = postgres::program("pgbench");
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context(program.display())?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(Failure(format!(
            "pgbench: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }
}

/// The third field of each line of its log is a transaction's time in microseconds.
fn latencies(folder: &Path) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for file in std::fs::read_dir(folder).context(folder.display())?.flatten() {
        if file.file_name().to_string_lossy().starts_with("tpcb.") {
            let text = std::fs::read_to_string(file.path()).context("the log of pgbench")?;
            let micros = text.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok());
            times.extend(micros.map(Duration::from_micros));
        }
    }
    if times.is_empty() {
        Err(Failure::new("pgbench has logged nothing"))
    } else {
        Ok(times)
    }
}
