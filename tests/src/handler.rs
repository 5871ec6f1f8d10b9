//! The built handler alone, without a host in front of it.

use crate::{
    http::Http,
    running::{Directory, PATIENCE, on_a_desk, program},
};
use http::{Method, StatusCode};
use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// How often it is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(20);

/// The handler, running on a desk. Dropped: killed.
#[derive(Debug)]
pub struct Handler {
    process: Child,
    /// A client of it.
    pub http: Http,
    /// Its port.
    pub port: u16,
    directory: Directory,
}

impl Handler {
    /// Starts it on an SQLite database of its own, with further settings, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let directory = Directory::new();
        let log = std::fs::File::create(directory.path().join("handler.log")).expect("a log file");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut command = Command::new(program("inventory-handler"));
        command
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env(
                "DATABASE_URL",
                format!("sqlite:{}", directory.path().join("inventory.db").display()),
            )
            .env("MIGRATE_ON_START", "true")
            .env("ENVIRONMENT", "local")
            .env("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
            .env("LOG_LEVEL", "warn")
            .env(
                "ServiceBusConnection",
                "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
            )
            .envs(settings.iter().copied());
        on_a_desk(&mut command, log);
        let mut handler = Self {
            process: command.spawn().expect("the handler starts"),
            http: Http::new(port),
            port,
            directory,
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = handler.http.try_send(Method::GET, "/ready", &[], "").await;
            if ready.is_ok_and(|answer| answer.status == StatusCode::OK) {
                return handler;
            }
            let ended = handler.process.try_wait().ok().flatten();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the handler did not come up ({ended:?}):\n{}",
                handler.log()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("handler.log")).unwrap_or_default()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
