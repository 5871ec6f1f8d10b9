//! Keeps a handler running by the rules of the Functions host.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::errors::Errors;
use super::process::{Process, Unready};
use super::state::Wish;
use super::{Handler, HandlerCommand, HandlerState, Launcher, Live, debugger};
use crate::console::Console;

/// An exit code that asks for a restart and is no error.
const EXIT_RESTART: i32 = 200;
/// How long a polite restart waits for what is under way.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a process that has a successor may take for what is under way in it: nobody waits for it.
const RETIREMENT: Duration = Duration::from_mins(1);

/// How long requests wait for a handler that waits for a debugger.
const DEBUG_PATIENCE: Duration = Duration::from_hours(1);

/// What a supervisor needs.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    /// What to run.
    pub command: HandlerCommand,
    /// How long it may take until it answers.
    pub initialization_timeout: Duration,
    /// Starts the process.
    pub launcher: Launcher,
    /// Each process waits for a debugger, or until this is told.
    pub debug: Option<Arc<Notify>>,
}

/// How one life ended.
enum End {
    Exited(ExitStatus, String),
    NotStarted(std::io::Error),
    /// And what it listens on instead.
    TimedOut(String),
    Wished,
    Shutdown,
}

/// What comes of the wish for a new process while one serves.
enum Renewal {
    /// It answers.
    By(Box<Process>),
    /// It does not come up, which has been said.
    Not,
    /// The one that serves must end, or has.
    End(End),
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
        // Whoever debugs the start of the handler takes the time it needs.
        patience: if options.debug.is_some() {
            DEBUG_PATIENCE
        } else {
            options.initialization_timeout
        },
    };
    let supervisor = Supervisor {
        options,
        console,
        state: sender,
        wished,
        shutdown,
        life: 0,
        errors: Errors::default(),
        retired: TaskTracker::new(),
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
    /// Processes that finish what is under way in them.
    retired: TaskTracker,
}

impl Supervisor {
    async fn run(mut self) {
        self.keep_alive().await;
        self.shutdown.cancel();
        self.retired.close();
        self.retired.wait().await;
    }

    async fn keep_alive(&mut self) {
        loop {
            self.state.send_replace(HandlerState::Starting);
            self.life += 1;
            let problem = match self.live().await {
                End::Shutdown => return,
                End::Wished => continue,
                End::Exited(status, _) if status.code() == Some(0) => {
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
                End::Exited(status, _) if status.code() == Some(EXIT_RESTART) => {
                    self.console
                        .info("The handler asks to be started again (exit code 200).");
                    continue;
                }
                End::Exited(status, last_words) => describe_exit(status, &last_words),
                End::TimedOut(instead) => format!("Initializing HttpWorker timed out. {instead}"),
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

    /// One life, from the start of a process to the end of the one that has taken its place, if any has.
    async fn live(&mut self) -> End {
        let mut process = match self.start().await {
            Ok(process) => process,
            Err(error) => return End::NotStarted(error),
        };
        let end = match self.come_up(&mut process).await {
            Ok(()) => self.serve(&mut process).await,
            Err(end) => end,
        };
        self.state.send_replace(HandlerState::Starting);
        process.kill().await;
        match end {
            // The last words explain the end.
            End::Exited(status, _) => End::Exited(status, process.last_words().await),
            end => end,
        }
    }

    async fn start(&self) -> std::io::Result<Process> {
        let SupervisorOptions { command, launcher, .. } = &self.options;
        Process::start(command, launcher, &self.console, self.options.debug.is_some()).await
    }

    /// From the start of a process until it answers, while there is no other.
    async fn come_up(&mut self, process: &mut Process) -> Result<(), End> {
        if let Some(told) = self.options.debug.clone() {
            self.wait_for_debugger(process, &told).await?;
        }
        let ready = process.until_ready(self.options.initialization_timeout);
        tokio::pin!(ready);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(End::Shutdown),
                wish = self.wished.recv() => match wish {
                    None => return Err(End::Shutdown),
                    Some(Wish::Renew { .. }) => return Err(End::Wished),
                    // Meant for a life that is over.
                    Some(Wish::Kill { .. }) => {}
                },
                ready = &mut ready => return ready.map_err(|unready| match unready {
                    Unready::Exited(status) => exited(status),
                    Unready::TimedOut(instead) => End::TimedOut(instead),
                }),
            }
        }
    }

    async fn wait_for_debugger(&mut self, process: &mut Process, told: &Notify) -> Result<(), End> {
        let pid = process.pid();
        // Before it is said that Enter helps: whoever presses it at once is heard.
        let told = told.notified();
        tokio::pin!(told);
        debugger::invite(&self.console, pid);
        loop {
            tokio::select! {
                () = debugger::attached(pid) => break,
                () = &mut told => break,
                // Let go from outside; or by a debugger, which is seen by what it does before it is seen itself.
                () = debugger::running(pid) => break,
                status = process.wait() => return Err(exited(status)),
                () = self.shutdown.cancelled() => return Err(End::Shutdown),
                wish = self.wished.recv() => match wish {
                    None => return Err(End::Shutdown),
                    Some(Wish::Renew { .. }) => return Err(End::Wished),
                    Some(Wish::Kill { .. }) => {}
                },
            }
        }
        if debugger::holds(pid) {
            self.console
                .info("A debugger is attached: no time-out counts while it is.");
        }
        debugger::go_on(pid);
        Ok(())
    }

    /// Tells everybody of a process that answers.
    fn announce(&self, process: &Process) -> Arc<Live> {
        let live = Arc::new(Live {
            number: self.life,
            pid: process.pid(),
            port: process.port,
            connections: Arc::clone(&process.connections),
            in_flight: TaskTracker::new(),
            replaced: AtomicBool::new(false),
            gone: process.gone.clone(),
        });
        self.console.info(format_args!(
            "Worker process started and initialized. (pid {}, port {}, {} ms)",
            live.pid,
            live.port,
            process.started.elapsed().as_millis()
        ));
        self.state.send_replace(HandlerState::Ready(Arc::clone(&live)));
        live
    }

    /// While a process answers. `process` is the one that does, in the end, too.
    async fn serve(&mut self, process: &mut Process) -> End {
        let mut live = self.announce(process);
        loop {
            let reason = tokio::select! {
                status = process.wait() => return exited(status),
                () = self.shutdown.cancelled() => return End::Shutdown,
                wish = self.wished.recv() => match wish {
                    None => return End::Shutdown,
                    Some(Wish::Kill { life, reason }) if life == self.life => {
                        self.console.warn(format_args!("Restarting the handler: {reason}"));
                        return End::Wished;
                    }
                    Some(Wish::Kill { .. }) => continue,
                    Some(Wish::Renew { reason }) => reason,
                },
            };
            let renewal = if self.options.command.port.is_some() || self.options.debug.is_some() {
                // One port for both, or one debugger: one after the other.
                Renewal::End(self.finish(process, &live, &reason).await)
            } else {
                self.renew(process, &reason).await
            };
            match renewal {
                Renewal::Not => {}
                Renewal::End(end) => return end,
                Renewal::By(successor) => {
                    let old = (std::mem::replace(process, *successor), Arc::clone(&live));
                    self.life += 1;
                    live = self.announce(process);
                    self.retire(old.0, old.1);
                }
            }
        }
    }

    /// Lets a process finish what is under way, while new requests wait.
    async fn finish(&mut self, process: &mut Process, live: &Live, reason: &str) -> End {
        self.console.info(format_args!("Restarting the handler: {reason}"));
        self.state.send_replace(HandlerState::Starting);
        live.in_flight.close();
        tokio::select! {
            status = process.wait() => exited(status),
            () = self.shutdown.cancelled() => End::Shutdown,
            _ = tokio::time::timeout(FAREWELL, live.in_flight.wait()) => End::Wished,
        }
    }

    /// Starts a successor, while `process` serves.
    async fn renew(&mut self, process: &mut Process, reason: &str) -> Renewal {
        self.console.info(format_args!(
            "Restarting the handler: {reason}. The one that runs serves until the new one answers."
        ));
        loop {
            let mut successor = match self.start().await {
                Ok(successor) => successor,
                Err(error) => {
                    let program = self.options.command.executable.display();
                    self.stay(&format!("cannot start {program}: {error}"));
                    return Renewal::Not;
                }
            };
            let end = tokio::select! {
                ready = successor.until_ready(self.options.initialization_timeout) => match ready {
                    Ok(()) => return Renewal::By(Box::new(successor)),
                    Err(unready) => {
                        successor.kill().await;
                        match unready {
                            Unready::TimedOut(instead) => self.stay(&format!("it does not answer in time. {instead}")),
                            Unready::Exited(Ok(status)) => {
                                self.stay(&describe_exit(status, &successor.last_words().await));
                            }
                            Unready::Exited(Err(error)) => self.stay(&error.to_string()),
                        }
                        return Renewal::Not;
                    }
                },
                status = process.wait() => Some(exited(status)),
                () = self.shutdown.cancelled() => Some(End::Shutdown),
                end = next_end(&mut self.wished, self.life) => end,
            };
            successor.kill().await;
            if let Some(end) = end {
                return Renewal::End(end);
            }
            // Changed once more: what was just started is old already.
        }
    }

    fn stay(&self, problem: &str) {
        self.console.error(format_args!(
            "The new handler does not come up: {problem}. The one that runs goes on."
        ));
    }

    /// Ends a process that has a successor, once what is under way in it is done.
    fn retire(&self, mut process: Process, live: Arc<Live>) {
        // In this order: whoever saw neither has been counted before the waiting begins.
        live.replaced.store(true, Ordering::SeqCst);
        live.in_flight.close();
        let shutdown = self.shutdown.clone();
        self.retired.spawn(async move {
            tokio::select! {
                () = live.in_flight.wait() => {}
                () = tokio::time::sleep(RETIREMENT) => {}
                _ = process.wait() => {}
                () = shutdown.cancelled() => {}
            }
            process.kill().await;
        });
    }
}

/// The next wish that matters while a successor of `life` starts: an end, or `None` for another successor.
async fn next_end(wished: &mut mpsc::UnboundedReceiver<Wish>, life: u64) -> Option<End> {
    loop {
        match wished.recv().await {
            None => return Some(End::Shutdown),
            Some(Wish::Kill { life: meant, .. }) if meant == life => return Some(End::Wished),
            Some(Wish::Kill { .. }) => {}
            Some(Wish::Renew { .. }) => return None,
        }
    }
}

fn exited(status: std::io::Result<ExitStatus>) -> End {
    match status {
        Ok(status) => End::Exited(status, String::new()),
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
