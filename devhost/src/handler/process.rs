//! One process of the handler.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::process::Child;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::output::{LastErrors, print_stderr, print_stdout};
use super::{Connections, HandlerCommand, Launcher, debugger, listening, probe};
use crate::console::Console;
use crate::ports::KeptPort;

/// How long the last words of a process are waited for. A grandchild may hold its streams open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A process, from its start to its end. Dropped: killed.
pub(super) struct Process {
    child: Child,
    /// Where it is to listen.
    pub(super) port: u16,
    /// Nobody else is given that port meanwhile.
    _kept: KeptPort,
    /// Connections to it.
    pub(super) connections: Arc<Connections>,
    /// Cancelled when it has ended.
    pub(super) gone: CancellationToken,
    /// When it was started.
    pub(super) started: Instant,
    pid: u32,
    last_errors: LastErrors,
    readers: TaskTracker,
}

/// Why a process does not answer.
pub(super) enum Unready {
    /// It ended.
    Exited(std::io::Result<ExitStatus>),
    /// It took too long; what it listens on instead.
    TimedOut(String),
}

impl Process {
    /// Starts it. `stopped`: before its first instruction it waits for SIGCONT.
    pub(super) async fn start(
        command: &HandlerCommand,
        launcher: &Launcher,
        console: &Console,
        stopped: bool,
    ) -> std::io::Result<Self> {
        let started = Instant::now();
        let kept = choose_port(command.port)?;
        let port = kept.number();
        let mut child = spawn(command, launcher, port, stopped).await?;
        let last_errors = LastErrors::default();
        let readers = TaskTracker::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(print_stdout(stdout, console.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(print_stderr(stderr, console.clone(), last_errors.clone()));
        }
        readers.close();
        let gone = CancellationToken::new();
        Ok(Self {
            pid: child.id().unwrap_or_default(),
            child,
            port,
            _kept: kept,
            connections: Arc::new(Connections::new(port, gone.clone())),
            gone,
            started,
            last_errors,
            readers,
        })
    }

    /// Its id.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns when it has ended.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Returns when it answers, or will not. The time that a debugger holds it does not count.
    pub(super) async fn until_ready(&mut self, limit: Duration) -> Result<(), Unready> {
        let deadline = tokio::time::Instant::now() + limit;
        tokio::select! {
            () = probe::until_answered(&self.connections) => Ok(()),
            status = self.child.wait() => Err(Unready::Exited(status)),
            () = debugger::expired(deadline, self.pid) => {
                let (pid, port) = (self.pid, self.port);
                let instead = tokio::task::spawn_blocking(move || listening::describe(pid, port)).await;
                Err(Unready::TimedOut(instead.unwrap_or_default()))
            }
        }
    }

    /// What it said last on standard error, once it has ended by itself.
    pub(super) async fn last_words(&self) -> String {
        let _ = tokio::time::timeout(LAST_WORDS, self.readers.wait()).await;
        self.last_errors.joined()
    }

    /// Ends it and what it started, as the host does: at once.
    pub(super) async fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.pid).ok().filter(|pid| *pid > 0) {
            // It may have ended by itself and left others of its group, or none.
            let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.kill().await;
        self.gone.cancel();
    }
}

fn choose_port(wanted: Option<u16>) -> std::io::Result<KeptPort> {
    let Some(port) = wanted else {
        return KeptPort::choose();
    };
    KeptPort::fixed(port).map_err(|error| std::io::Error::other(format!("Unable to bind to port {port}: {error}")))
}

async fn spawn(wanted: &HandlerCommand, launcher: &Launcher, port: u16, stopped: bool) -> std::io::Result<Child> {
    if !wanted.directory.is_dir() {
        return Err(std::io::Error::other(format!(
            "{} is not a folder",
            wanted.directory.display()
        )));
    }
    let mut command = launcher.command(&wanted.executable, stopped)?;
    command
        .args(&wanted.arguments)
        .envs(wanted.environment_on(port))
        .current_dir(&wanted.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A group of its own: Ctrl-C in the terminal reaches the host only, and what the handler starts ends with it.
    #[cfg(unix)]
    command.process_group(0);
    launcher.spawn(command, stopped).await
}
