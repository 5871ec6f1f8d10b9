//! The whole system: devhost with the handler behind it.

use super::database::{Database, Scratch};
use crate::dev::{HANDLER_SETTING, Ready};
use crate::failure::{Context as _, Failure, Result};
use crate::group::Group;
use crate::workspace::{self, Profile};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// devhost, its handler, and where they answer.
pub(super) struct Host {
    group: Group,
    pub(super) port: u16,
    pub(super) process_id: u32,
    pub(super) handler_process_id: u32,
}

impl Host {
    pub(super) async fn start(database: &Database, scratch: &Scratch) -> Result<Self> {
        let data = scratch.path().join("devhost");
        std::fs::create_dir_all(&data).context(data.display())?;
        let ready = Ready::new(scratch.path())?;
        let mut command = Command::new(workspace::program(Profile::Release, "devhost"));
        workspace::on_a_desk(&mut command);
        command
            .current_dir(workspace::root())
            .arg("start")
            .arg("--script-root")
            .arg(workspace::root())
            .args(["--port", "0", "--amqp-port", "0", "--quiet", "--no-watch"])
            .arg("--data")
            .arg(&data)
            .arg("--ready-file")
            .arg(ready.path())
            .stdout(Stdio::null())
            .env(
                HANDLER_SETTING,
                workspace::program(Profile::Release, "inventory-handler"),
            )
            .env("DATABASE_URL", &database.url)
            .env("LOG_LEVEL", "error");
        // Whatever local.settings.json says, and also where there is none.
        let example =
            std::fs::read(workspace::root().join("local.settings.json.example")).context("the example settings")?;
        let example: Value = serde_json::from_slice(&example).context("the example settings")?;
        for (name, value) in example["Values"].as_object().into_iter().flatten() {
            if !["DATABASE_URL", "LOG_LEVEL"].contains(&name.as_str()) {
                command.env(name, value.as_str().unwrap_or_default());
            }
        }
        let mut group = Group::spawn(command)?;
        let written = tokio::select! {
            written = ready.wait() => written,
            status = group.wait() => return Err(Failure(format!("devhost ended: {}", status?))),
            () = tokio::time::sleep(PATIENCE) => return Err(Failure::new("devhost does not become ready")),
        };
        Ok(Self {
            group,
            port: written.port,
            process_id: written.process_id,
            handler_process_id: written.handler_process_id,
        })
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        self.group.stop().await
    }
}
