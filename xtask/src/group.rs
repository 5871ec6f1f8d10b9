//! A child process with all that it starts: a process group that ends as a whole.

use crate::failure::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Child;

/// How long a group may take to end by itself once it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child process and its process group. Dropped while running: killed.
///
/// The group is its own, so that Ctrl-C in the terminal reaches us alone and we decide in what order things end.
pub(crate) struct Group {
    child: Child,
    id: Pid,
    name: String,
    ended: bool,
}

impl Group {
    pub(crate) fn spawn(command: Command) -> Result<Self> {
        Self::spawn_reading(command, Stdio::null())
    }

    /// The child is told when Enter is pressed. It cannot read the terminal itself: that belongs to our group.
    pub(crate) fn spawn_with_keys(command: Command) -> Result<Self> {
        let mut group = Self::spawn_reading(command, Stdio::piped())?;
        if let Some(keys) = group.child.stdin.take() {
            let mut keys = std::fs::File::from(keys.into_owned_fd()?);
            // Whoever waits for the keyboard cannot be told to stop; the thread ends with the process.
            std::thread::spawn(move || {
                for line in std::io::stdin().lines() {
                    if line.is_err() || keys.write_all(b"\n").is_err() {
                        return;
                    }
                }
            });
        }
        Ok(group)
    }

    fn spawn_reading(mut command: Command, stdin: Stdio) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(stdin);
        let mut command = tokio::process::Command::from(command);
        let child = command.process_group(0).kill_on_drop(true).spawn().context(&name)?;
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map_or(Pid::from_raw(0), Pid::from_raw);
        Ok(Self {
            child,
            id,
            name,
            ended: id.as_raw() == 0,
        })
    }

    /// Returns when the child has ended.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context(&self.name)?;
        self.end();
        Ok(status)
    }

    /// Asks the child to end, waits, and ends by force what is left of the group.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        // The child alone: it ends its own children in good order.
        let _ = nix::sys::signal::kill(self.id, Signal::SIGTERM);
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            eprintln!("{} does not end by itself: killed", self.name);
            let _ = killpg(self.id, Signal::SIGKILL);
            self.child.wait().await.context(&self.name)?;
        }
        self.end();
        Ok(())
    }

    /// Ends what the child has left behind; usually nothing, and then the group is not there any more.
    fn end(&mut self) {
        if !self.ended {
            let _ = killpg(self.id, Signal::SIGKILL);
            self.ended = true;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}
