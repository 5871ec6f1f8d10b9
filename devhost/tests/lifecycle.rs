//! The handler's process: its start, its ends, and what is left afterwards.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use http::StatusCode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use support::{App, echo_handler, until_closed};

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_handler_on_another_port_is_told_so() {
    let app = App::new()
        .host("/customHandler/initializationTimeout", json!("00:00:01"))
        .setting("ECHO_LISTEN", "elsewhere");
    let mut host = app.launch(&[]).await;
    let port = host.line("echo handler on ").await;
    let port = port.rsplit(' ').next().unwrap().to_owned();
    host.line(&format!(
        "The handler listens on 127.0.0.1:{port} instead of 127.0.0.1:"
    ))
    .await;
    host.stop().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let app = App::new().host(
        "/customHandler/description/defaultExecutablePath",
        json!("no-such-program"),
    );
    let mut host = app.launch(&[]).await;
    host.line("cannot execute no-such-program").await;
    host.stop().await;
}

#[tokio::test]
async fn last_words_are_the_reason() {
    let app = App::new().setting("ECHO_EXIT_AT_START", "3");
    let mut host = app.launch(&[]).await;
    host.line("the process exited with code 3: told to end at once").await;
    host.stop().await;
}

#[tokio::test]
async fn a_killed_handler_comes_back_and_requests_wait_for_it() {
    let app = App::new().http("things", &[], "things");
    let mut host = app.launch(&[]).await;
    let pid = host.ready().await;
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    host.line("ended by a signal").await;
    let answer = host.get("/api/things").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_ne!(answer.json()["pid"], pid);
}

#[tokio::test]
async fn a_function_that_takes_too_long_fails_and_the_handler_is_started_anew() {
    let app = App::new()
        .host("/functionTimeout", json!("00:00:00.2"))
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .http("slow", &["post"], "slow");
    let mut host = app.start().await;
    assert_eq!(
        host.post("/api/slow", "stay").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    host.line("Restarting the handler: slow ran longer than").await;
    host.ready().await;
    assert_eq!(host.post("/api/slow", "quick").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let app = App::new().http("things", &[], "things");
        let ready = app.path().join("ready.json");
        let mut host = app.start_with(&["--ready-file", ready.to_str().unwrap()]).await;
        host.line("Functions:").await;
        host.get("/api/things").await;
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        assert_eq!(file["port"], host.port);
        let port = u16::try_from(file["handler_port"].as_u64().unwrap()).unwrap();
        let connection = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        host.signal(signal);
        host.child.wait().await.unwrap();
        until_closed(connection).await;
    }
}

#[tokio::test]
async fn a_new_executable_is_started() {
    let app = App::new()
        .http("things", &[], "things")
        .host("/customHandler/description/defaultExecutablePath", json!("handler"));
    let executable = app.path().join("handler");
    std::fs::copy(echo_handler(), &executable).unwrap();
    let ready = app.path().join("ready.json");
    let mut host = app
        .launch(&["--watch-binary", "--ready-file", ready.to_str().unwrap()])
        .await;
    let first = host.ready().await;
    replace(&executable);
    host.line("its executable has changed").await;
    let second = host.ready().await;
    assert_ne!(second, first);
    assert_eq!(host.get("/api/things").await.json()["pid"], second);
    // The old one goes once nothing is under way in it.
    until_gone(first).await;
    // What waits for the file is told of the new one as well.
    while !std::fs::read_to_string(&ready).is_ok_and(|text| text.contains(&second.to_string())) {
        tokio::task::yield_now().await;
    }
}

/// Waits until there is no such process.
async fn until_gone(pid: i32) {
    while kill(Pid::from_raw(pid), None).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_handler_serves_until_the_new_one_answers_and_no_request_fails() {
    let app = App::new()
        .http("things", &["get"], "things")
        .queue("one", "orders", json!({}))
        .host("/customHandler/description/defaultExecutablePath", json!("handler"));
    let (executable, gate) = (app.path().join("handler"), app.path().join("gate"));
    std::fs::copy(echo_handler(), &executable).unwrap();
    std::fs::write(&gate, "").unwrap();
    let app = app.setting("ECHO_WAIT_FOR", gate.to_str().unwrap());
    let mut host = app.launch(&["--watch-binary", "--quiet"]).await;
    let first = host.ready().await;
    let url = host.url("/api/things");
    let stop = tokio_util::sync::CancellationToken::new();
    let callers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(call_until(url.clone(), stop.clone())))
        .collect();
    std::fs::remove_file(&gate).unwrap();
    replace(&executable);
    host.line("The one that runs serves until the new one answers").await;
    // The new one has not even begun to listen.
    assert_eq!(host.get("/api/things").await.json()["pid"], first);
    host.message("orders", json!({"body": "x"})).await;
    host.envelope("one").await;
    std::fs::write(&gate, "").unwrap();
    let second = host.ready().await;
    assert_eq!(host.get("/api/things").await.json()["pid"], second);
    until_gone(first).await;
    stop.cancel();
    let mut pids = std::collections::BTreeSet::new();
    let mut calls = 0;
    for caller in callers {
        for answer in caller.await.unwrap() {
            let pid = answer.unwrap();
            pids.insert(pid);
            calls += 1;
        }
    }
    println!("{calls} requests, no failure");
    assert_eq!(pids, [i64::from(first), i64::from(second)].into());
    assert!(!host.has_seen("Failed"));
}

/// Calls again and again; of each call the process that answered, or what went wrong.
async fn call_until(url: String, stop: tokio_util::sync::CancellationToken) -> Vec<Result<i64, String>> {
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let mut answers = Vec::new();
    while !stop.is_cancelled() {
        let request = http::Request::get(&url)
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap();
        let answer = async {
            let response = client.request(request).await.map_err(|error| error.to_string())?;
            let status = response.status();
            let body = http_body_util::BodyExt::collect(response.into_body()).await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            let answer: serde_json::Value =
                serde_json::from_slice(&body).map_err(|error| format!("{status}: {error}"))?;
            answer["pid"].as_i64().ok_or_else(|| format!("{status}: {answer}"))
        };
        answers.push(answer.await);
    }
    answers
}

#[tokio::test]
async fn a_new_handler_that_does_not_come_up_leaves_the_old_one_serving() {
    let app = App::new()
        .http("things", &[], "things")
        .host("/customHandler/description/defaultExecutablePath", json!("handler"));
    let executable = app.path().join("handler");
    std::fs::copy(echo_handler(), &executable).unwrap();
    let mut host = app.launch(&["--watch-binary"]).await;
    let first = host.ready().await;
    let draft = executable.with_extension("draft");
    std::fs::write(&draft, "#!/bin/sh\necho broken >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&draft, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::rename(draft, &executable).unwrap();
    host.line("The new handler does not come up: the process exited with code 3: broken")
        .await;
    assert_eq!(host.get("/api/things").await.json()["pid"], first);
    assert!(!host.has_seen("Handler error"));
    std::fs::copy(echo_handler(), executable.with_extension("draft")).unwrap();
    std::fs::rename(executable.with_extension("draft"), &executable).unwrap();
    assert_ne!(host.ready().await, first);
}

/// Another file of the same name, as a build leaves it: bytes after the end of a program do not matter.
fn replace(executable: &Path) {
    use std::io::Write as _;
    let draft = executable.with_extension("draft");
    std::fs::copy(executable, &draft).unwrap();
    std::fs::OpenOptions::new()
        .append(true)
        .open(&draft)
        .unwrap()
        .write_all(b"more")
        .unwrap();
    std::fs::rename(draft, executable).unwrap();
}

#[tokio::test]
async fn a_broken_change_is_told_and_the_app_goes_on() {
    let app = App::new().http("things", &[], "things");
    let mut host = app.start().await;
    std::fs::write(app.path().join("host.json"), "{").unwrap();
    host.line("is not valid JSON").await;
    assert_eq!(host.get("/api/things").await.status, StatusCode::OK);
    app.write_function(
        "more",
        &json!([
        {"type": "httpTrigger", "name": "req", "route": "more"}, {"type": "http", "direction": "out", "name": "res"}]),
    );
    app.write();
    host.line("Restarting the host").await;
    host.line("more: http://localhost").await;
    assert_eq!(host.get("/api/more").await.status, StatusCode::OK);
}

#[tokio::test]
async fn settings_reach_the_handler_with_the_port_of_the_emulator() {
    let app = App::new()
        .host(
            "/customHandler/description",
            json!({"defaultExecutablePath": "sh", "arguments": ["-c", "env"], "workingDirectory": "."}),
        )
        .setting("FROM_FILE", "yes");
    let mut host = app.launch(&[]).await;
    let mut lines = Vec::new();
    for words in ["FROM_FILE=yes", "SB=Endpoint=sb://localhost:"] {
        lines.push(words);
    }
    // The order of an environment is not known: each is waited for in a run of its own, and the program runs three times.
    for words in lines {
        host.line(words).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn what_cannot_start_says_why_and_ends() {
    let app = App::new().host("/version", json!("1.0"));
    app.write();
    let output = app.command(&[]).output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("'version'"));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let app = App::new();
    app.write();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_devhost"));
    command
        .arg("--script-root")
        .arg(app.path())
        .args(["--no-amqp", "--port", &port, "--data"]);
    let output = command.arg(app.path().join("data")).output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--port"));
}
