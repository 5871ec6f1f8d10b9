//! Tools that `cargo xtask test` has installed.

use inventory_tests::running::root;
use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// A program of the Python packages.
pub(crate) fn tool(name: &str) -> Command {
    let path = root().join("target/tools/delivery/bin").join(name);
    assert!(
        path.is_file(),
        "{} is not installed: run the tests with `cargo xtask test`",
        path.display()
    );
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}

/// A file of the Node packages.
pub(crate) fn node_file(path: &str) -> PathBuf {
    root().join("target/tools/compose/node_modules").join(path)
}

/// What a command said, when it must not fail.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// All of its words.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
