//! `devhost new`: what it makes builds, its tests pass, and it runs.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use http::StatusCode;
use serde_json::json;
use support::{App, Host};

const EXECUTABLE: &str = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";

fn devhost(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devhost"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// Cargo in the new app, with what the workspace has downloaded and built already.
fn cargo(app: &Path, arguments: &[&str]) {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .current_dir(app)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {said}");
    assert!(!said.contains("warning:"), "{said}");
}

/// Where this test was built, too.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

#[tokio::test]
async fn a_new_app_builds_passes_its_tests_and_runs() {
    let scratch = App::new();
    let made = devhost(&["new", "first-app"], scratch.path());
    assert!(made.status.success(), "{made:?}");
    assert!(String::from_utf8_lossy(&made.stdout).contains("cd first-app"));
    let app = scratch.path().join("first-app");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    std::fs::copy(lock, app.join("Cargo.lock")).unwrap();
    cargo(&app, &["build"]);
    cargo(&app, &["test"]);

    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_devhost"));
    command
        .args(["--port", "0", "--amqp-port", "0"])
        .current_dir(&app)
        .env(EXECUTABLE, target().join("debug/first-app"));
    let mut host = Host::launch(command).await;
    host.line("greet: GET http://localhost").await;
    let greeting = host.get("/api/greet/Ada").await;
    assert_eq!(greeting.status, StatusCode::OK);
    assert_eq!(greeting.json(), json!({"greeting": "Hello, Ada!"}));
    host.message("work", json!({"body": {"title": "Plants"}})).await;
    host.line("done: Plants").await;
    host.line("Executed 'Functions.process' (Succeeded").await;
    host.post("/admin/functions/tick", "{}").await;
    host.line("Executed 'Functions.tick' (Succeeded").await;
    assert!(!host.has_seen("is in error"));
    host.stop().await;

    let again = devhost(&["new", "first-app"], scratch.path());
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
}
