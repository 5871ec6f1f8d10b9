//! `cargo xtask openapi`: what a change of the API's document means to those who call it.

mod breaking;
mod schema;

use crate::failure::{Context as _, Failure, Result};
use crate::workspace;
use serde_json::Value;
use std::fs;
use std::process::{Command, ExitCode};

/// The document as it was written when it changed last; a test of the handlers holds it against the code.
const SNAPSHOT: &str = "docs/openapi.json";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Names every change of docs/openapi.json since a revision that a client of then would not survive, and fails on one.
    Breaking {
        /// The revision to compare with [default: the last release, the newest tag v* that leads here].
        #[arg(long, value_name = "REVISION")]
        base: Option<String>,
    },
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let Subcommand::Breaking { base } = &options.command;
    let Some(revision) = base.clone().map_or_else(last_release, |base| Ok(Some(base)))? else {
        println!("There is no release yet: whatever changes breaks nobody.");
        return Ok(ExitCode::SUCCESS);
    };
    let Some(base) = snapshot_of(&revision)? else {
        println!("{revision} has no {SNAPSHOT}: there is nothing to compare with.");
        return Ok(ExitCode::SUCCESS);
    };
    let path = workspace::root().join(SNAPSHOT);
    let now: Value =
        serde_json::from_str(&fs::read_to_string(&path).context(path.display())?).context(path.display())?;
    let found = breaking::changes(&base, &now);
    if found.is_empty() {
        println!("Whoever calls the API as it was in {revision} can go on.");
        return Ok(ExitCode::SUCCESS);
    }
    for change in &found {
        println!("{change}");
    }
    let (was, is) = (breaking::version(&base), breaking::version(&now));
    if breaking::may_break(was, is) {
        println!("Version {is} may break what {was} promised: say so in CHANGELOG.md.");
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure(format!(
        "{} of the API since {revision} break its clients; keep what was there, or give the program a version that may break \
         ({was} is promised, {is} is built)",
        found.len()
    )))
}

fn git(arguments: &[&str]) -> Result<std::process::Output> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(workspace::root());
    git.output().context("git")
}

/// The newest tag of a release that leads here; `None` before the first.
fn last_release() -> Result<Option<String>> {
    let tags = git(&["tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*"])?;
    if !tags.status.success() {
        return Err(Failure(format!("git tag: {}", String::from_utf8_lossy(&tags.stderr))));
    }
    let tags = String::from_utf8_lossy(&tags.stdout);
    Ok(tags.lines().next().map(str::to_owned))
}

/// The document as it was in a revision; `None` where it had none.
fn snapshot_of(revision: &str) -> Result<Option<Value>> {
    let commit = format!("{revision}^{{commit}}");
    if !git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?
        .status
        .success()
    {
        return Err(Failure(format!(
            "{revision} is no revision that is known here; git fetch brings it"
        )));
    }
    let listed = git(&["ls-tree", "--name-only", revision, "--", SNAPSHOT])?;
    if !listed.status.success() {
        return Err(Failure(format!(
            "git ls-tree: {}",
            String::from_utf8_lossy(&listed.stderr)
        )));
    }
    if listed.stdout.is_empty() {
        return Ok(None);
    }
    let shown = git(&["show", &format!("{revision}:{SNAPSHOT}")])?;
    if !shown.status.success() {
        return Err(Failure(format!("git show: {}", String::from_utf8_lossy(&shown.stderr))));
    }
    serde_json::from_slice(&shown.stdout).context(SNAPSHOT).map(Some)
}
