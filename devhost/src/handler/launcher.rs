//! Starts processes so that none outlives this one.
//!
//! The kernel can kill a child when its parent dies, but only the child may ask for it, between fork and exec. That is
//! out of reach without `unsafe`, so the child is this same program, which asks and then becomes the handler. The
//! kernel's "parent" is a thread: one thread that lives as long as the launcher starts all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// The hidden subcommand with which the program starts itself: `<command> <parent's id> <program> <arguments…>`.
pub const LAUNCH_COMMAND: &str = "launch-handler";
/// Before the parent's id: stop at the program's first instruction.
const STOPPED: &str = "stopped:";

/// Starts handlers.
#[derive(Debug, Clone)]
pub struct Launcher {
    jobs: mpsc::Sender<Job>,
    program: Option<PathBuf>,
}

#[derive(Debug)]
struct Job {
    command: Command,
    stopped: bool,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

impl Launcher {
    /// `program` is an executable that runs [`launch`] on [`LAUNCH_COMMAND`]; without one, a handler may outlive a host
    /// that is killed, though not one that stops. Must be called within a runtime.
    pub fn new(program: Option<PathBuf>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("launcher".to_owned()).spawn(move || {
            let _guard = runtime.enter();
            for mut job in queue {
                let mut child = job.command.spawn();
                if job.stopped {
                    child = child.and_then(leave_stopped);
                }
                // Nobody waits any more when the host is stopping; `kill_on_drop` ends the child then.
                let _ = job.reply.send(child);
            }
        })?;
        Ok(Self {
            jobs,
            program: program.filter(|_| cfg!(target_os = "linux")),
        })
    }

    /// The command that runs `executable`, through the launching program where there is one.
    pub(super) fn command(&self, executable: &Path, stopped: bool) -> std::io::Result<Command> {
        match &self.program {
            None if stopped => Err(std::io::Error::other(
                "waiting for a debugger needs Linux and the devhost program",
            )),
            None => Ok(Command::new(executable)),
            Some(program) => {
                let mut command = Command::new(program);
                command
                    .arg(LAUNCH_COMMAND)
                    .arg(format!("{}{}", if stopped { STOPPED } else { "" }, std::process::id()))
                    .arg(executable);
                Ok(command)
            }
        }
    }

    /// Starts a command that [`Launcher::command`] has made.
    pub(super) async fn spawn(&self, command: Command, stopped: bool) -> std::io::Result<Child> {
        let gone = || std::io::Error::other("the launcher has ended");
        let (reply, answer) = oneshot::channel();
        let job = Job {
            command,
            stopped,
            reply,
        };
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Waits until the child, which asked to be traced by this thread, has become its program, and leaves it there: stopped,
/// and free for a debugger.
#[cfg(target_os = "linux")]
fn leave_stopped(child: Child) -> std::io::Result<Child> {
    use nix::sys::signal::Signal;
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let pid = nix::unistd::Pid::from_raw(pid.ok_or_else(|| std::io::Error::other("it has ended"))?);
    loop {
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {
                nix::sys::ptrace::detach(pid, Signal::SIGSTOP)?;
                // It is let go first and stops then.
                waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
                return Ok(child);
            }
            WaitStatus::Stopped(_, signal) => nix::sys::ptrace::cont(pid, signal)?,
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                return Err(std::io::Error::other("it cannot be executed"));
            }
            _ => {}
        }
    }
}

/// There is no such way on this system; [`Launcher::command`] has said so.
#[cfg(not(target_os = "linux"))]
fn leave_stopped(child: Child) -> std::io::Result<Child> {
    Ok(child)
}

/// What the program does on [`LAUNCH_COMMAND`]: ties its life to its parent's and becomes the program named in
/// `arguments`. Returns only where that fails, with the reason.
#[cfg(target_os = "linux")]
pub fn launch(arguments: Vec<OsString>) -> String {
    use std::os::unix::process::CommandExt as _;

    let mut arguments = arguments.into_iter();
    let parent = arguments.next().and_then(|text| text.into_string().ok());
    let stopped = parent.as_deref().is_some_and(|text| text.starts_with(STOPPED));
    let parent = parent.and_then(|text| text.trim_start_matches(STOPPED).parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return format!("{LAUNCH_COMMAND} is for devhost itself");
    };
    if let Err(error) = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL) {
        return format!("cannot tie the handler to the host: {error}");
    }
    // The parent may have gone before the wish was heard.
    if nix::unistd::getppid().as_raw() != parent {
        return "the host has ended".to_owned();
    }
    // Whoever is traced stops when it becomes another program.
    if stopped && let Err(error) = nix::sys::ptrace::traceme() {
        return format!("cannot stop at the first instruction: {error}");
    }
    let error = std::process::Command::new(&program).args(arguments).exec();
    format!("cannot execute {}: {error}", program.to_string_lossy())
}

/// There is nothing to ask the kernel for on this system.
#[cfg(not(target_os = "linux"))]
pub fn launch(_: Vec<OsString>) -> String {
    format!("{LAUNCH_COMMAND} is there on Linux only")
}
