//! Debuggers: how one is waited for, and that no clock runs while one holds the handler.

use std::time::Duration;

use tokio::time::Instant;

use crate::console::Console;

/// How often it is looked whether a debugger has come or gone. The kernel tells nobody.
const LOOK: Duration = Duration::from_millis(100);

/// Returns when `deadline` has passed and no debugger holds the process `pid`.
pub(crate) async fn expired(deadline: Instant, pid: u32) {
    tokio::time::sleep_until(deadline).await;
    while holds(pid) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns when a debugger holds the process.
pub(super) async fn attached(pid: u32) {
    while !holds(pid) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a debugger holds the process.
pub(super) fn holds(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| tracer(&status).is_some_and(|tracer| tracer != 0))
}

fn tracer(status: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))?
        .trim()
        .parse()
        .ok()
}

/// Says how to get at the process.
pub(super) fn invite(console: &Console, pid: u32) {
    console.info(format_args!(
        "The handler (pid {pid}) waits at its first instruction for a debugger:"
    ));
    for line in [
        format!("gdb -p {pid}"),
        format!("lldb -p {pid}"),
        format!("code --open-url \"vscode://vadimcn.vscode-lldb/launch/config?{{'request':'attach','pid':{pid}}}\""),
    ] {
        console.plain(format_args!("\t{line}"));
    }
    if is_restricted() {
        console.plain("\tThis kernel lets only root attach (kernel.yama.ptrace_scope): put sudo before it.");
    }
    console.plain(format_args!(
        "\tIt goes on once one is attached, or with Enter here, or with `kill -CONT {pid}`."
    ));
}

fn is_restricted() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").is_ok_and(|scope| scope.trim() != "0")
        && !nix::unistd::geteuid().is_root()
}

/// Lets a process that was stopped go on.
pub(super) fn go_on(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have been killed meanwhile.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGCONT);
    }
}

/// Returns when the process runs, whoever let it: it is not stopped any more.
pub(super) async fn running(pid: u32) {
    while is_stopped(pid) {
        tokio::time::sleep(LOOK).await;
    }
}

fn is_stopped(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| status.lines().any(|line| line.starts_with("State:\tT")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_who_traces() {
        assert_eq!(tracer("Name:\tx\nTracerPid:\t42\nUid:\t0\n"), Some(42));
        assert_eq!(tracer("Name:\tx\n"), None);
        assert!(!holds(std::process::id()));
        assert!(!is_stopped(std::process::id()));
    }
}
