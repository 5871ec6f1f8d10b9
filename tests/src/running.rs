//! The built programs, running: devhost with the handler behind it, as `cargo xtask dev` starts them.

use crate::http::{Answer, Http};
use bytes::Bytes;
use http::{Method, StatusCode};
use inventory_azure::{OutgoingMessage, ServiceBus, ServiceBusConnection, ServiceBusOptions};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// A directory that is deleted when dropped.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// A new, empty directory.
    ///
    /// # Panics
    /// When there can be none.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("inventory-e2e-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left over in the temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The path of a program that `cargo xtask test` has built.
///
/// # Panics
/// When it is not there.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let path = test.ancestors().nth(2).unwrap_or(Path::new(".")).join(name);
    assert!(
        path.is_file(),
        "{} is not built: run the tests with `cargo xtask test`",
        path.display()
    );
    path
}

/// What a test starts is on a desk, also where the test itself runs inside Kubernetes. Its words go to `log`.
pub(crate) fn on_a_desk(command: &mut Command, log: std::fs::File) {
    command
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove("CONTAINER_NAME")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log file"))
        .stderr(log);
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// devhost with the handler behind it. Dropped: stopped.
pub struct Running {
    devhost: Child,
    http: Http,
    service_bus: ServiceBus,
    /// The HTTP port.
    pub port: u16,
    /// The port of Service Bus, plain AMQP.
    pub amqp_port: u16,
    directory: Directory,
}

impl Running {
    /// Starts on a database and waits until the handler answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start(database_url: &str) -> Self {
        Self::start_with(database_url, &[]).await
    }

    /// As [`Running::start`], with further settings.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_with(database_url: &str, settings: &[(&str, &str)]) -> Self {
        let handler = program("inventory-handler").to_str().expect("a path").to_owned();
        let built = [(
            "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath",
            handler.as_str(),
        )];
        Self::launch(root(), database_url, &[&built, settings].concat()).await
    }

    /// Starts a package as it is deployed, unpacked in `folder`.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_package(folder: &Path, database_url: &str) -> Self {
        Self::launch(folder, database_url, &[]).await
    }

    async fn launch(script_root: &Path, database_url: &str, settings: &[(&str, &str)]) -> Self {
        let directory = Directory::new();
        let ready_file = directory.path().join("ready.json");
        let log = std::fs::File::create(directory.path().join("devhost.log")).expect("a log file");
        let mut command = Command::new(program("devhost"));
        command
            .args(["start", "--port", "0", "--amqp-port", "0", "--quiet", "--no-watch", "--script-root"])
            .arg(script_root)
            .arg("--data")
            .arg(directory.path())
            .arg("--ready-file")
            .arg(&ready_file)
            .env("DATABASE_URL", database_url)
            .env("MIGRATE_ON_START", "true")
            .env("LOG_LEVEL", "warn")
            .env("LOW_STOCK_SCHEDULE", "0 */5 * * * *")
            .env(
                "ServiceBusConnection",
                "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
            )
            .envs(settings.iter().copied());
        on_a_desk(&mut command, log);
        let mut devhost = command.spawn().expect("devhost starts");
        let deadline = Instant::now() + PATIENCE;
        let ready: Value = loop {
            if let Some(ready) = std::fs::read(&ready_file)
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
            {
                break ready;
            }
            let ended = devhost.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(directory.path().join("devhost.log")).unwrap_or_default();
                panic!("devhost did not come up ({ended:?}):\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let port = |name: &str| {
            ready[name]
                .as_u64()
                .and_then(|port| u16::try_from(port).ok())
                .expect("a port")
        };
        let connection: ServiceBusConnection = format!(
            "Endpoint=sb://localhost:{};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
            port("amqp_port")
        )
        .parse()
        .expect("a connection string");
        let running = Self {
            devhost,
            http: Http::new(port("port")),
            service_bus: ServiceBus::new(connection, ServiceBusOptions::default()),
            port: port("port"),
            amqp_port: port("amqp_port"),
            directory,
        };
        running
            .until("the app is ready", async || {
                running.get("/ready").await.0 == StatusCode::OK
            })
            .await;
        running
    }

    /// Sends a request; gives status, headers and body.
    ///
    /// # Panics
    /// When devhost does not answer.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.http.send(method, path, headers, body).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.http.get(path).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.http.post(path, body).await
    }

    /// How many rows a list has.
    ///
    /// # Panics
    /// When the answer does not say.
    pub async fn count(&self, path: &str) -> u64 {
        let answer = self.send(Method::GET, path, &[], Bytes::new()).await;
        let count = answer
            .headers
            .get("x-total-count")
            .and_then(|count| count.to_str().ok()?.parse().ok());
        count.unwrap_or_else(|| panic!("{path}: {} has no X-Total-Count", answer.status))
    }

    /// Sends messages to a queue as a producer does, over AMQP, until each is accepted.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn enqueue(&self, queue: &str, messages: &[OutgoingMessage]) {
        let mut left: Vec<OutgoingMessage> = messages.to_vec();
        while !left.is_empty() {
            let outcomes = self
                .service_bus
                .send(queue, &left)
                .await
                .expect("devhost takes messages");
            left = left
                .into_iter()
                .zip(outcomes)
                .filter_map(|(message, outcome)| match outcome {
                    Ok(()) => None,
                    Err(error) if error.is_transient() => Some(message),
                    Err(error) => panic!("a message is refused: {error}"),
                })
                .collect();
        }
    }

    /// Runs a function that has no HTTP trigger.
    ///
    /// # Panics
    /// When devhost does not know it.
    pub async fn invoke(&self, function: &str) {
        let body = serde_json::json!({ "input": "" });
        let (status, _) = self.post(&format!("/admin/functions/{function}"), &body).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// When it takes longer than [`PATIENCE`].
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.directory.path().join("devhost.log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(40).collect();
                panic!(
                    "waited too long for: {what}\n{}",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Kills the handler process as the Functions host would; devhost starts another. Says whether there was one to kill.
    pub fn kill_handler(&self) -> bool {
        let ready: Option<Value> = std::fs::read(self.directory.path().join("ready.json"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        let Some(pid) = ready.and_then(|ready| ready["handler_pid"].as_u64()) else {
            return false;
        };
        let kill = Command::new("kill")
            .args(["-9", &pid.to_string()])
            .stderr(Stdio::null())
            .status();
        kill.is_ok_and(|status| status.success())
    }
}

impl Running {
    /// Stops, and gives the properties of the messages that lie in a queue or subscription, as devhost's broker keeps them, in the
    /// order in which they came. (Its file is its own while it runs.)
    ///
    /// # Panics
    /// When the broker's file is not what it was.
    pub fn stop_for_messages(mut self, entity: &str) -> Vec<Value> {
        self.stop();
        let file = rusqlite::Connection::open(self.directory.path().join("servicebus.db")).expect("the broker's file");
        let mut messages = file
            .prepare("SELECT m.properties FROM messages m JOIN entities e ON e.id = m.entity WHERE e.name = ? ORDER BY m.sequence")
            .expect("the broker's tables");
        let rows = messages
            .query_map([entity], |row| row.get::<_, String>(0))
            .expect("messages");
        rows.map(|row| serde_json::from_str(&row.expect("a text")).expect("JSON"))
            .collect()
    }

    fn stop(&mut self) {
        // SIGTERM lets devhost take its handler with it.
        let _ = Command::new("kill").arg(self.devhost.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if !matches!(self.devhost.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.devhost.kill();
        let _ = self.devhost.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
