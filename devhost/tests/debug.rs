//! A handler that waits for a debugger.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use http::StatusCode;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::json;
use support::{App, Host, echo_handler};
use tokio::io::AsyncWriteExt as _;

/// Waits for the invitation; the handler's process, which must be its own program already, and stopped.
async fn invited(host: &mut Host) -> Pid {
    let line = host.line("waits at its first instruction for a debugger").await;
    let pid: i32 = line
        .split("(pid ")
        .nth(1)
        .unwrap()
        .split(')')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    host.line(&format!("gdb -p {pid}")).await;
    host.line(&format!("'pid':{pid}")).await;
    assert_eq!(
        std::fs::read_link(format!("/proc/{pid}/exe")).unwrap(),
        echo_handler().canonicalize().unwrap()
    );
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("State:\tT"), "{status}");
    Pid::from_raw(pid)
}

/// Attaches as a debugger does, and passes every signal on, until the process ends. One thread: the kernel's debugger is a
/// thread.
fn debug(pid: Pid) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        ptrace::attach(pid).unwrap();
        let mut attaching = true;
        while let Ok(WaitStatus::Stopped(_, signal)) = waitpid(pid, None) {
            // The stop that attaching makes is not the process's own.
            let signal = Some(signal).filter(|signal| !(attaching && *signal == Signal::SIGSTOP));
            attaching = false;
            ptrace::cont(pid, signal).unwrap();
        }
    })
}

#[tokio::test]
async fn it_goes_on_when_a_debugger_is_attached_and_no_time_out_counts() {
    let app = App::new()
        .host("/functionTimeout", json!("00:00:00.2"))
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .host("/customHandler/initializationTimeout", json!("00:00:00.2"))
        .http("slow", &["post"], "slow");
    let mut host = app.launch(&["--debug"]).await;
    let pid = invited(&mut host).await;
    let debugger = debug(pid);
    host.line("A debugger is attached").await;
    assert_eq!(host.ready().await, pid.as_raw());
    // Thrice as long as it may take.
    assert_eq!(host.post("/api/slow", "slow:600").await.status, StatusCode::CREATED);
    host.stop().await;
    debugger.join().unwrap();
}

#[tokio::test]
async fn it_goes_on_with_enter_and_every_new_process_waits_again() {
    let app = App::new().http("things", &[], "things");
    let mut host = app.launch(&["--debug"]).await;
    let first = invited(&mut host).await;
    host.child.stdin.as_mut().unwrap().write_all(b"\n").await.unwrap();
    assert_eq!(host.ready().await, first.as_raw());
    assert_eq!(host.get("/api/things").await.status, StatusCode::OK);
    kill(first, Signal::SIGKILL).unwrap();
    let second = invited(&mut host).await;
    assert_ne!(first, second);
    kill(second, Signal::SIGCONT).unwrap();
    assert_eq!(host.ready().await, second.as_raw());
    host.stop().await;
}
