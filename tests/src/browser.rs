//! Pages in headless Chromium; `tests/browser/README.md` says how scripts are written.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a script may take, the browser's start included.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs `script` with `input` in a browser of its own and gives what it returns.
///
/// # Panics
/// When the browser or its driver is not installed (`cargo xtask test` installs them), the script fails, or the browser's
/// console shows an error or a warning.
pub async fn run(script: &Path, input: &Value) -> Value {
    let (result, errors) = run_with_errors(script, input).await;
    assert!(errors.is_empty(), "in the browser's console:\n{}", errors.join("\n"));
    result
}

/// As [`run`], with the lines of the browser's console beside the result: for pages that are meant to be refused something.
///
/// # Panics
/// As [`run`], but for those lines.
pub async fn run_with_errors(script: &Path, input: &Value) -> (Value, Vec<String>) {
    let workspace = workspace();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let modules = target.join("tools/browser/node_modules");
    assert!(
        modules.is_dir(),
        "{} is missing: run cargo xtask test, which installs it",
        modules.display()
    );
    let child = Command::new("node")
        .arg(workspace.join("tests/browser/run.mjs"))
        .arg(&modules)
        .arg(chromium())
        .arg(script)
        .arg(input.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node: cargo xtask test installs it");
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the script comes to an end")
        .expect("its output");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", script.display());
    let last = stdout.lines().last().unwrap_or_default();
    let mut answer: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}:\n{stdout}\n{stderr}"));
    let errors = answer["errors"].as_array().into_iter().flatten();
    let errors = errors
        .map(|error| error.as_str().unwrap_or_default().to_owned())
        .collect();
    (answer["result"].take(), errors)
}

/// The browser: what `CHROMIUM` says, else the first of the usual names that is on the path.
fn chromium() -> PathBuf {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .expect("there is no Chromium: run cargo xtask test, which installs it")
}

fn workspace() -> PathBuf {
    // Packages lie side by side in the workspace.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
