//! Keeps a handler running by the rules of the Functions host.

use std::net::Ipv4Addr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::errors::Errors;
use super::output::{LastErrors, print_stderr, print_stdout};
use super::state::Wish;
use super::{Connections, Handler, HandlerCommand, HandlerState, Launcher, Live, probe};
use crate::console::Console;

/// An exit code that asks for a restart and is no error.
const EXIT_RESTART: i32 = 200;
/// How long a polite restart waits for what is under way.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a supervisor needs.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// What to run.
    pub command: HandlerCommand,
    /// How long it may take until it answers.
    pub initialization_timeout: Duration,
    /// Starts the process.
    pub launcher: Launcher,
}

/// How one life ended.
enum End {
    Exited(ExitStatus),
    NotStarted(std::io::Error),
    TimedOut,
    Wished,
    Shutdown,
}

/// Starts supervising in a task of its own, which ends on `shutdown` or when the handler failed too often. The process is
/// gone when the task is.
pub fn supervise(
    options: SupervisorOptions,
    console: Console,
    shutdown: CancellationToken,
) -> (Handler, tokio::task::JoinHandle<()>) {
    let (sender, state) = watch::channel(HandlerState::Starting);
    let (wishes, wished) = mpsc::unbounded_channel();
    let handler = Handler {
        state,
        wishes,
        patience: options.initialization_timeout,
    };
    let supervisor = Supervisor {
        options,
        console,
        state: sender,
        wished,
        shutdown,
        life: 0,
        errors: Errors::default(),
    };
    (handler, tokio::spawn(supervisor.run()))
}

struct Supervisor {
    options: SupervisorOptions,
    console: Console,
    state: watch::Sender<HandlerState>,
    wished: mpsc::UnboundedReceiver<Wish>,
    shutdown: CancellationToken,
    life: u64,
    errors: Errors,
}

impl Supervisor {
    async fn run(mut self) {
        loop {
            self.state.send_replace(HandlerState::Starting);
            self.life += 1;
            let last_errors = LastErrors::default();
            let problem = match self.live(&last_errors).await {
                End::Shutdown => return,
                End::Wished => continue,
                End::Exited(status) if status.code() == Some(0) => {
                    self.console.warn(
                        "The handler ended with exit code 0. The host takes that for normal and does not start it \
                         again: every call fails until its binary or a function.json changes.",
                    );
                    self.state.send_replace(HandlerState::Ended);
                    tokio::select! {
                        () = self.shutdown.cancelled() => return,
                        wish = self.wished.recv() => match wish {
                            None => return,
                            Some(_) => continue,
                        },
                    }
                }
                End::Exited(status) if status.code() == Some(EXIT_RESTART) => {
                    self.console
                        .info("The handler asks to be started again (exit code 200).");
                    continue;
                }
                End::Exited(status) => describe_exit(status, &last_errors.joined()),
                End::TimedOut => "Initializing HttpWorker timed out.".to_owned(),
                End::NotStarted(error) => {
                    format!("cannot start {}: {error}", self.options.command.executable.display())
                }
            };
            let too_many = self.errors.add(Instant::now());
            self.console
                .error(format_args!("Handler error {} of 3: {problem}", self.errors.count()));
            if too_many {
                // Before it is said: whoever reads it and sends a request then waits for the next host.
                self.state.send_replace(HandlerState::Failed);
                self.console.error(
                    "Exceeded language worker restart retry count. Shutting down Functions Host: the handler failed 3 times.",
                );
                return;
            }
        }
    }

    /// One life of the process, from its start to its end.
    async fn live(&mut self, last_errors: &LastErrors) -> End {
        let started = Instant::now();
        let port = match self.choose_port().await {
            Ok(port) => port,
            Err(error) => return End::NotStarted(error),
        };
        let mut child = match self.spawn(port).await {
            Ok(child) => child,
            Err(error) => return End::NotStarted(error),
        };
        let group = child.id();
        let readers = TaskTracker::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(print_stdout(stdout, self.console.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(print_stderr(stderr, self.console.clone(), last_errors.clone()));
        }
        readers.close();
        let gone = CancellationToken::new();
        let connections = Arc::new(Connections::new(port, gone.clone()));
        let end = self.attend(&mut child, port, &connections, &gone, started).await;
        self.state.send_replace(HandlerState::Starting);
        kill(&mut child, group).await;
        gone.cancel();
        if matches!(end, End::Exited(_)) {
            // The last words explain the end. A grandchild may hold the streams open, so they are not waited for long.
            let _ = tokio::time::timeout(Duration::from_secs(1), readers.wait()).await;
        }
        end
    }

    async fn attend(
        &mut self,
        child: &mut Child,
        port: u16,
        connections: &Arc<Connections>,
        gone: &CancellationToken,
        started: Instant,
    ) -> End {
        let limit = self.options.initialization_timeout;
        let probe = tokio::time::timeout(limit, probe::until_answered(connections));
        tokio::pin!(probe);
        loop {
            tokio::select! {
                status = child.wait() => return exited(status),
                () = self.shutdown.cancelled() => return End::Shutdown,
                wish = self.wished.recv() => match wish {
                    None => return End::Shutdown,
                    Some(Wish::Renew { .. }) => return End::Wished,
                    // Meant for a life that is over.
                    Some(Wish::Kill { .. }) => {}
                },
                answered = &mut probe => {
                    if answered.is_err() {
                        return End::TimedOut;
                    }
                    break;
                }
            }
        }
        let live = Arc::new(Live {
            number: self.life,
            pid: child.id().unwrap_or_default(),
            port,
            connections: Arc::clone(connections),
            in_flight: TaskTracker::new(),
            gone: gone.clone(),
        });
        self.console.info(format_args!(
            "Worker process started and initialized. (pid {}, port {port}, {} ms)",
            live.pid,
            started.elapsed().as_millis()
        ));
        self.state.send_replace(HandlerState::Ready(Arc::clone(&live)));
        loop {
            tokio::select! {
                status = child.wait() => return exited(status),
                () = self.shutdown.cancelled() => return End::Shutdown,
                wish = self.wished.recv() => match wish {
                    None => return End::Shutdown,
                    Some(Wish::Kill { life, reason }) if life == self.life => {
                        self.console.warn(format_args!("Restarting the handler: {reason}"));
                        return End::Wished;
                    }
                    Some(Wish::Kill { .. }) => {}
                    Some(Wish::Renew { reason }) => {
                        self.console.info(format_args!("Restarting the handler: {reason}"));
                        self.state.send_replace(HandlerState::Starting);
                        live.in_flight.close();
                        tokio::select! {
                            status = child.wait() => return exited(status),
                            () = self.shutdown.cancelled() => return End::Shutdown,
                            _ = tokio::time::timeout(FAREWELL, live.in_flight.wait()) => return End::Wished,
                        }
                    }
                },
            }
        }
    }

    async fn choose_port(&self) -> std::io::Result<u16> {
        // A bind that is dropped at once: the port is free now, and the kernel hands the same one out again late.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.options.command.port.unwrap_or(0))).await;
        match listener {
            Ok(listener) => Ok(listener.local_addr()?.port()),
            Err(error) => match self.options.command.port {
                Some(port) => Err(std::io::Error::other(format!("Unable to bind to port {port}: {error}"))),
                None => Err(error),
            },
        }
    }

    async fn spawn(&self, port: u16) -> std::io::Result<Child> {
        let wanted = &self.options.command;
        if !wanted.directory.is_dir() {
            return Err(std::io::Error::other(format!(
                "{} is not a folder",
                wanted.directory.display()
            )));
        }
        let mut command = self.options.launcher.command(&wanted.executable);
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
        self.options.launcher.spawn(command).await
    }
}

fn exited(status: std::io::Result<ExitStatus>) -> End {
    match status {
        Ok(status) => End::Exited(status),
        Err(error) => End::NotStarted(error),
    }
}

fn describe_exit(status: ExitStatus, last_errors: &str) -> String {
    let said = if last_errors.is_empty() {
        String::new()
    } else {
        format!(": {last_errors}")
    };
    match status.code() {
        Some(code) => format!("the process exited with code {code}{said}"),
        None => format!("the process was ended by a signal ({status}){said}"),
    }
}

/// Ends the process and what it started, as the host does: at once.
async fn kill(child: &mut Child, group: Option<u32>) {
    #[cfg(unix)]
    if let Some(pid) = group.and_then(|pid| i32::try_from(pid).ok()) {
        // The process may have ended by itself and left others of its group, or none.
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    let _ = child.kill().await;
}
