//! Runs the real program on a throw-away app, and waits for what it prints.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Nothing here takes long; whoever waits longer waits for something that never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The handler of `examples/echo_handler.rs`, which is built along with the tests.
pub fn echo_handler() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_devhost"))
        .parent()
        .unwrap()
        .join("examples/echo_handler");
    assert!(
        path.is_file(),
        "{} is not built: cargo build -p devhost --examples",
        path.display()
    );
    path
}

/// An app in a folder of its own, which goes with it.
pub struct App {
    folder: PathBuf,
    host: Value,
    settings: Value,
}

impl App {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("devhost-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("functions")).unwrap();
        let host = json!({
            "version": "2.0",
            "customHandler": {"description": {"defaultExecutablePath": echo_handler()}, "enableProxyingHttpRequest": true}
        });
        Self {
            folder,
            host,
            settings: json!({"SB": "Endpoint=sb://localhost;UseDevelopmentEmulator=true;"}),
        }
    }

    /// Adds a function of these bindings.
    pub fn function(self, name: &str, bindings: Value) -> Self {
        self.write_function(name, &bindings);
        self
    }

    /// Adds an HTTP function without anything else.
    pub fn http(self, name: &str, methods: &[&str], route: &str) -> Self {
        self.function(
            name,
            json!([
                {"type": "httpTrigger", "direction": "in", "name": "req", "methods": methods, "route": route},
                {"type": "http", "direction": "out", "name": "res"}
            ]),
        )
    }

    /// Adds a function of a queue.
    pub fn queue(self, name: &str, queue: &str, extra: Value) -> Self {
        let mut trigger = json!({"type": "serviceBusTrigger", "name": "m", "queueName": queue, "connection": "SB"});
        trigger
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().cloned().unwrap_or_default());
        self.function(name, json!([trigger]))
    }

    pub fn write_function(&self, name: &str, bindings: &Value) {
        let folder = self.folder.join("functions").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("function.json"), json!({"bindings": bindings}).to_string()).unwrap();
    }

    /// Changes host.json at a JSON pointer, making what is missing.
    pub fn host(mut self, path: &str, value: Value) -> Self {
        let mut at = &mut self.host;
        for key in path.split('/').filter(|key| !key.is_empty()) {
            at = &mut at[key];
        }
        *at = value;
        self
    }

    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings[name] = json!(value);
        self
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn write(&self) {
        std::fs::write(self.folder.join("host.json"), self.host.to_string()).unwrap();
        let settings = json!({"IsEncrypted": false, "Values": self.settings}).to_string();
        std::fs::write(self.folder.join("local.settings.json"), settings).unwrap();
    }

    /// Starts the program and waits until the handler answers.
    pub async fn start(&self) -> Host {
        self.start_with(&[]).await
    }

    pub async fn start_with(&self, arguments: &[&str]) -> Host {
        let mut host = self.launch(arguments).await;
        host.ready().await;
        host
    }

    /// Starts the program and waits until its ports are open.
    pub async fn launch(&self, arguments: &[&str]) -> Host {
        self.write();
        Host::launch(self.command(arguments)).await
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devhost"));
        command
            .args(["start", "--port", "0", "--amqp-port", "0", "--script-root"])
            .arg(&self.folder)
            .arg("--data")
            .arg(self.folder.join("data"))
            .args(arguments)
            .kill_on_drop(true);
        command
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The running program.
pub struct Host {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub port: u16,
    seen: Vec<Line>,
}

struct Line {
    text: String,
    taken: bool,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Host {
    /// Starts the program and waits until its ports are open.
    pub async fn launch(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut host = Self {
            child,
            lines,
            port: 0,
            seen: Vec::new(),
        };
        let line = host.line("Listening on port ").await;
        let after = line.split("Listening on port ").nth(1).unwrap();
        host.port = after.split('.').next().unwrap().parse().unwrap();
        host
    }

    /// Waits for a line that contains `words`. Each line counts once; what was printed while something else was waited for
    /// counts, too, as lines of the handler and of the host come in no certain order.
    pub async fn line(&mut self, words: &str) -> String {
        self.line_where(words, |line| line.contains(words)).await
    }

    async fn line_where(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        if let Some(line) = self.seen.iter_mut().find(|line| !line.taken && wanted(&line.text)) {
            line.taken = true;
            return line.text.clone();
        }
        loop {
            let next = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let Ok(Ok(Some(text))) = next else {
                let seen: Vec<_> = self.seen.iter().map(|line| line.text.as_str()).collect();
                panic!("waited for {what:?}, got {next:?} after\n{}", seen.join("\n"));
            };
            let taken = wanted(&text);
            self.seen.push(Line {
                text: text.clone(),
                taken,
            });
            if taken {
                return text;
            }
        }
    }

    /// As [`Host::line`], for a line that was printed before the ports were open, too: such a line may be read twice.
    pub async fn earlier_line(&mut self, words: &str) -> String {
        match self.seen.iter().find(|line| line.text.contains(words)) {
            Some(line) => line.text.clone(),
            None => self.line(words).await,
        }
    }

    /// Waits until the handler answers; its process id.
    pub async fn ready(&mut self) -> i32 {
        let line = self.line("Worker process started and initialized.").await;
        line.split("pid ")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Waits for the handler's next envelope for `function`.
    pub async fn envelope(&mut self, function: &str) -> Value {
        let wanted = format!("\"function\":\"{function}\"");
        let line = self
            .line_where(&wanted, |line| line.contains("ENVELOPE ") && line.contains(&wanted))
            .await;
        serde_json::from_str(line.split_once("ENVELOPE ").unwrap().1).unwrap()
    }

    /// Whether a line with these words has been read by now.
    pub fn has_seen(&self, words: &str) -> bool {
        self.seen.iter().any(|line| line.text.contains(words))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(self.url(path)).body(Full::default()).unwrap())
            .await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::post(self.url(path)).body(Full::new(body.into())).unwrap())
            .await
    }

    /// Sends in a task of its own, for what answers late or makes the host print more than fits into a pipe.
    pub fn post_apart(&self, path: &str, body: impl Into<Bytes>) -> tokio::task::JoinHandle<Answer> {
        let request = Request::post(self.url(path)).body(Full::new(body.into())).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        tokio::spawn(async move { collect(client.request(request).await.unwrap()).await })
    }

    pub async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = tokio::time::timeout(PATIENCE, client.request(request))
            .await
            .unwrap()
            .unwrap();
        collect(response).await
    }

    /// Sends a message through the host's own address.
    pub async fn message(&self, entity: &str, message: Value) {
        let answer = self
            .post(&format!("/_devhost/servicebus/{entity}"), message.to_string())
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }

    /// What an entity holds.
    pub async fn counts(&self, entity: &str) -> (u64, u64) {
        let all = self.get("/_devhost/servicebus").await.json();
        let one = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == entity)
            .cloned()
            .unwrap();
        (one["active"].as_u64().unwrap(), one["deadLettered"].as_u64().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Ends the program as Ctrl-C does and waits for it.
    pub async fn stop(&mut self) {
        self.signal(Signal::SIGINT);
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap();
        assert!(status.success(), "{status}");
    }
}

/// A connection to a port that tells when the process behind it is gone.
pub async fn until_closed(mut connection: tokio::net::TcpStream) {
    use tokio::io::AsyncReadExt as _;
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, connection.read(&mut byte))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
}

async fn collect(response: Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}
