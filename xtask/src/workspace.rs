//! Where things are, and how they are built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `dev`, `test` and `package` need built. Always asked for together: Cargo chooses the features of shared
/// dependencies by what is built together, and another choice would build them a second time.
const PROGRAMS: [&str; 3] = ["devhost", "inventory-handlers", "inventory-cli"];

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder of everything that is built.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A build profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Profile {
    pub(crate) fn of(release: bool) -> Self {
        if release { Self::Release } else { Self::Debug }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// A built program.
pub(crate) fn program(profile: Profile, name: &str) -> PathBuf {
    target().join(profile.folder()).join(name)
}

/// What Azure and Kubernetes set for their own programs. The handler works without accounts only where none of them is there.
const ELSEWHERE: [&str; 4] = [
    "CONTAINER_NAME",
    "KUBERNETES_SERVICE_HOST",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_SITE_NAME",
];

/// A desk may stand in a container or a cluster itself (a development container, a build agent): what xtask starts there is
/// told nothing of it.
pub(crate) fn on_a_desk(command: &mut Command) {
    for name in ELSEWHERE {
        command.env_remove(name);
    }
}

/// Cargo, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// The command that builds the programs.
pub(crate) fn build(profile: Profile) -> Command {
    let mut command = cargo();
    command.arg("build");
    for package in PROGRAMS {
        command.args(["--package", package]);
    }
    if profile == Profile::Release {
        command.arg("--release");
    }
    command
}
