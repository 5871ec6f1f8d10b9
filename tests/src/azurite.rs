//! Azurite: Microsoft's emulator of Azure Storage.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// An emulator of one test, on a port that it chooses; it goes with its owner.
pub struct Azurite {
    process: Child,
    endpoint: String,
    directory: PathBuf,
}

impl Azurite {
    /// Starts it, empty.
    ///
    /// # Panics
    /// When Azurite is not installed (`cargo xtask test` installs it), or does not listen.
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let script = root.join("target/tools/azurite/node_modules/azurite/dist/src/blob/main.js");
        assert!(
            script.is_file(),
            "Azurite is not installed: run the tests with `cargo xtask test`"
        );
        let directory = std::env::temp_dir().join(format!("inventory-azurite-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&directory).expect("a temporary folder");
        let mut process = Command::new("node")
            .arg(script)
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                "0",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--location",
            ])
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node: `cargo xtask test` installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("its output is ours")).lines();
        let address = lines
            .find_map(|line| Some(line.ok()?.split_once("successfully listens on ")?.1.trim().to_owned()))
            .expect("Azurite says where it listens");
        // What it says later is of no interest, but must go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            endpoint: format!("{address}/devstoreaccount1"),
            directory,
        }
    }

    /// How to reach it, with its well-known account.
    pub fn connection_string(&self) -> String {
        format!("UseDevelopmentStorage=true;BlobEndpoint={}", self.endpoint)
    }

    /// Where its account is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where a test may put files of its own.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
