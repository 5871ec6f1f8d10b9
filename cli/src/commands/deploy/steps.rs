//! Steps of a deployment: scripts of the pipelines, and this program itself.

use crate::{failure::Failure, output::Output};
use serde::Serialize;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};
use tokio::process::Command;

/// Where the scripts are, from the repository's root.
const SCRIPTS: &str = ".azuredevops/scripts";

/// A step that was taken.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) ok: bool,
    pub(super) seconds: f64,
}

/// Takes steps, one after the other, and keeps what came of each.
#[derive(Debug)]
pub(super) struct Steps {
    repository: PathBuf,
    /// This program.
    inventory: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    is_rehearsal: bool,
    pub(super) taken: Vec<Taken>,
}

impl Steps {
    /// `is_rehearsal`: steps are named and not taken.
    pub(super) fn new(repository: &Path, is_rehearsal: bool) -> Result<Self, Failure> {
        let wrong = |error: io::Error| Failure::Input(format!("{}: {error}", repository.display()));
        let repository = repository.canonicalize().map_err(wrong)?;
        if !repository.join(SCRIPTS).is_dir() {
            return Err(Failure::Input(format!(
                "{}: no repository of ours ({SCRIPTS} is not there)",
                repository.display()
            )));
        }
        // Scripts call `inventory`: that is this program.
        let inventory = std::env::current_exe().map_err(|error| Failure::Internal(error.to_string()))?;
        let before = inventory.parent().map(Path::to_path_buf).into_iter();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(before.chain(std::env::split_paths(&path)))
            .map_err(|error| Failure::Input(format!("PATH: {error}")))?;
        Ok(Self {
            repository,
            inventory,
            environment: vec![("PATH", path)],
            is_rehearsal,
            taken: Vec::new(),
        })
    }

    /// From now on steps know this.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        self.environment.push((name, value.into()));
    }

    /// Runs a script of the pipelines.
    pub(super) async fn script(&mut self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        self.take(name, self.script_path(name), arguments).await
    }

    /// Runs this program.
    pub(super) async fn inventory(&mut self, arguments: &[&str]) -> Result<(), Failure> {
        let name = arguments.first().copied().unwrap_or_default();
        self.take(name, self.inventory.clone(), arguments).await
    }

    /// What a script of the pipelines prints.
    pub(super) async fn ask_script(&self, name: &str, arguments: &[&str]) -> Result<String, Failure> {
        self.ask(&self.script_path(name), arguments).await
    }

    /// What a program prints; it is asked also in a rehearsal, since it changes nothing.
    pub(super) async fn ask(&self, program: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let shown = program.display();
        let output = self
            .command(program, arguments)
            .stderr(Stdio::inherit())
            .output()
            .await
            .map_err(|error| Failure::Input(format!("{shown}: {error}")))?;
        if !output.status.success() {
            return Err(Failure::Refused(format!("{shown} {} failed", arguments.join(" "))));
        }
        String::from_utf8(output.stdout)
            .map(|text| text.trim().to_owned())
            .map_err(|_| Failure::Internal(format!("{shown} printed no text")))
    }

    fn script_path(&self, name: &str) -> PathBuf {
        self.repository.join(SCRIPTS).join(name)
    }

    async fn take(&mut self, name: &str, program: PathBuf, arguments: &[&str]) -> Result<(), Failure> {
        Output::note(&format!("{name} {}", arguments.join(" ")));
        if self.is_rehearsal {
            return Ok(());
        }
        let started = Instant::now();
        // Ours is the report on stdout; what steps say is beside it.
        let status = self
            .command(&program, arguments)
            .stdout(io::stderr())
            .status()
            .await
            .map_err(|error| Failure::Input(format!("{}: {error}", program.display())))?;
        self.taken.push(Taken {
            name: name.to_owned(),
            ok: status.success(),
            seconds: started.elapsed().as_secs_f64(),
        });
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Refused(format!("{name} failed ({status})")))
        }
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.repository)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}
