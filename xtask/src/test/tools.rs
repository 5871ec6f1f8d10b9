//! What tests need besides crates: PostgreSQL, RabbitMQ, Redis, Chromium and its driver, the official Service Bus SDKs for
//! Python and Node, Prometheus' parser, Azurite, and what checks scripts, images and manifests.

use crate::failure::{Context as _, Failure, Result};
use crate::{postgres, workspace};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The server's own script, which the tests run: the one on PATH insists on running as a service.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// Gets what is missing.
pub(super) fn install() -> Result<()> {
    packages()?;
    let sources = workspace::root().join("devhost/tests/sdk");
    let tools = workspace::target().join("tools");
    fs::create_dir_all(&tools).context(tools.display())?;
    python("the Service Bus SDK for Python", &sources, &tools.join("python"))?;
    let prometheus = workspace::root().join("handlers/tests/prometheus");
    python("Prometheus' parser", &prometheus, &tools.join("prometheus"))?;
    node("the Service Bus SDK for Node", &sources, &tools.join("node"))?;
    let azurite = workspace::root().join("azure/tests/azurite");
    node("Azurite", &azurite, &tools.join("azurite"))?;
    let browser = workspace::root().join("tests/browser");
    node("what drives Chromium", &browser, &tools.join("browser"))?;
    let delivery = workspace::root().join("tests/tests/delivery/tools");
    python("what checks images and manifests", &delivery, &tools.join("delivery"))?;
    node("the schema of compose files", &delivery, &tools.join("compose"))
}

/// Debian packages: installed where we may, named where we may not.
fn packages() -> Result<()> {
    let mut missing = Vec::new();
    if postgres::binaries().is_none() {
        missing.push("postgresql");
    }
    if !Path::new(RABBITMQ).exists() {
        missing.push("rabbitmq-server");
    }
    if !works("redis-server", &["--version"]) {
        missing.push("redis-server");
    }
    if !works("chromium", &["--version"]) {
        missing.push("chromium");
    }
    // The pipelines' scripts: what they call, and what looks for mistakes in them.
    for program in ["jq", "openssl", "shellcheck"] {
        if !works(program, &["--version"]) && !works(program, &["version"]) {
            missing.push(program);
        }
    }
    // Debian ships Python without the part that makes virtual environments.
    if !works("python3", &["-c", "import venv, ensurepip"]) {
        missing.extend(["python3", "python3-venv"]);
    }
    if !works("node", &["--version"]) {
        missing.push("nodejs");
    }
    if !works("npm", &["--version"]) {
        missing.push("npm");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!(
        // With RUNLEVEL=1, where there is no systemd, nothing is started as a service.
        "apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    );
    let root = nix::unistd::geteuid().is_root();
    let unattended = ["CI", "TF_BUILD"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true") || value == "1"));
    if !(root || unattended) || !works("apt-get", &["--version"]) {
        return Err(Failure(format!(
            "tests need {}, which are not installed. On Debian or Ubuntu:\n\n  sudo sh -c '{install}'\n",
            missing.join(", ")
        )));
    }
    println!("Installing {}.", missing.join(", "));
    let mut command = if root { Command::new("sh") } else { Command::new("sudo") };
    if !root {
        command.args(["-n", "sh"]);
    }
    command.args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive");
    finish(&mut command, "apt-get")
}

fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn finish(command: &mut Command, what: &str) -> Result<()> {
    match command.stdin(Stdio::null()).status().context(what)? {
        status if status.success() => Ok(()),
        status => Err(Failure(format!("{what} failed ({status})"))),
    }
}

/// A virtual environment with the packages of `requirements.txt`.
fn python(what: &str, sources: &Path, tools: &Path) -> Result<()> {
    let wanted = sources.join("requirements.txt");
    install_once(&[&wanted], tools, || {
        println!("Installing {what} under {}.", tools.display());
        finish(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(tools),
            "python3 -m venv",
        )?;
        let mut pip = Command::new(tools.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(&wanted);
        finish(&mut pip, "pip install")
    })
}

/// Node modules as locked by `package-lock.json`.
fn node(what: &str, sources: &Path, tools: &Path) -> Result<()> {
    let wanted = [sources.join("package.json"), sources.join("package-lock.json")];
    install_once(&[&wanted[0], &wanted[1]], tools, || {
        println!("Installing {what} under {}.", tools.display());
        fs::create_dir_all(tools).context(tools.display())?;
        for file in &wanted {
            fs::copy(file, tools.join(file.file_name().unwrap_or_default())).context(file.display())?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(tools);
        finish(&mut npm, "npm ci")
    })
}

/// Installs unless it was done for just these files. What they said is kept, written last: an installation that was cut
/// short is done again.
fn install_once(wanted: &[&Path], tools: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut wants = Vec::new();
    for file in wanted {
        wants.extend(fs::read(file).context(file.display())?);
    }
    let installed = tools.join("installed");
    if fs::read(&installed).is_ok_and(|has| has == wants) {
        return Ok(());
    }
    install()?;
    fs::write(&installed, wants).context(installed.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_once_for_the_same_files_and_again_after_a_failure() {
        let folder = std::env::temp_dir().join(format!("inventory-tools-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let wanted = folder.join("wanted");
        fs::write(&wanted, "1").unwrap();
        let mut runs = 0;
        assert!(install_once(&[&wanted], &folder, || Err(Failure::new("cut short"))).is_err());
        for text in ["1", "1", "2", "2"] {
            fs::write(&wanted, text).unwrap();
            install_once(&[&wanted], &folder, || {
                runs += 1;
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(runs, 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
