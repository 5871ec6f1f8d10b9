//! The handler by itself, as the Functions host starts it.

use super::database::Database;
use crate::failure::{Context as _, Failure, Result};
use crate::workspace::{self, Profile};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Nothing listens there: the port is reserved, and no server may be given it by the system.
const NO_SERVICE_BUS: &str =
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=none;SharedAccessKey=none;UseDevelopmentEmulator=true;";
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon a refused connection is tried again. Nothing tells when another process begins to listen.
const PAUSE: Duration = Duration::from_micros(200);

/// A running handler. Dropped: killed.
pub(super) struct Handler {
    child: Child,
    pub(super) port: u16,
}

impl Handler {
    /// Starts one and returns when `path` has answered 200, with the time from exec to that answer.
    pub(super) async fn start(database: &Database, path: &str) -> Result<(Self, Duration)> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(workspace::program(Profile::Release, "inventory-handler"));
        workspace::on_a_desk(command.as_std_mut());
        command
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("DATABASE_URL", &database.url)
            .env("ServiceBusConnection", NO_SERVICE_BUS)
            .env("MIGRATE_ON_START", "false")
            // As devhost sets it: a request is served without an account.
            .env("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let began = Instant::now();
        let child = command.spawn().context("inventory-handler")?;
        let handler = Self { child, port };
        tokio::time::timeout(PATIENCE, handler.first_answer(path))
            .await
            .context("the handler's first answer")??;
        Ok((handler, began.elapsed()))
    }

    async fn first_answer(&self, path: &str) -> Result<()> {
        let stream = loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(Failure(format!("GET {path} answers {status}")))
        }
    }

    pub(super) fn process_id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("inventory-handler")
    }
}
