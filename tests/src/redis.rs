//! A Redis of one test, which can be killed and started again.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is tried.
const LOOK: Duration = Duration::from_millis(10);

/// A Redis server on a port of its own; it goes with its owner.
pub struct Redis {
    server: Option<Child>,
    port: u16,
    directory: PathBuf,
}

impl Redis {
    /// Starts a server that keeps nothing.
    ///
    /// # Panics
    /// When there is no `redis-server` (`cargo xtask test` installs it), or it does not listen.
    pub async fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("inventory-redis-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&directory).expect("a temporary folder");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut redis = Self {
            server: None,
            port,
            directory,
        };
        redis.restart().await;
        redis
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("a process of ours");
            server.wait().expect("a process of ours");
        }
    }

    /// Starts it (again), on the same port.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn restart(&mut self) {
        self.kill();
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server: `cargo xtask test` installs it");
        self.server = Some(server);
        let listens = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens)
            .await
            .expect("redis-server listens");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.directory));
    }
}
