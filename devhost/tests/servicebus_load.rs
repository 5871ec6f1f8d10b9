//! Azure's own SDKs and much at once: a host that is killed under them, fifty clients, a hundred thousand messages.

#![allow(clippy::unwrap_used, missing_docs)]

mod servicebus_support;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use devhost::ports::KeptPort;
use serde_json::{Value, json};
use servicebus_support::tool;
use support::App;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// The whole of a script, on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_mins(4);

/// The program with a queue `orders` that no function reads, on ports that stay the same.
struct Devhost {
    app: App,
    amqp_port: KeptPort,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Devhost {
    async fn start() -> Self {
        let app = App::new()
            .queue("one", "orders", json!({}))
            .setting("AzureWebJobs.one.Disabled", "1");
        app.write();
        // The same after a restart, so it cannot be any.
        let amqp_port = KeptPort::choose().unwrap();
        let (child, lines, port) = launch(&app, amqp_port.number()).await;
        Self {
            app,
            amqp_port,
            child,
            lines,
            port,
        }
    }

    /// Kills the program and starts it again with what lies on its disk.
    async fn restart(&mut self) {
        self.child.kill().await.unwrap();
        (self.child, self.lines, self.port) = launch(&self.app, self.amqp_port.number()).await;
    }

    fn connection_string(&self) -> String {
        format!(
            "Endpoint=sb://localhost:{};SharedAccessKeyName=RootManageSharedAccessKey;\
             SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
            self.amqp_port.number()
        )
    }

    async fn get(&self, path: &str) -> Value {
        use http_body_util::BodyExt as _;
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let request = http::Request::get(format!("http://127.0.0.1:{}{path}", self.port))
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap();
        let response = client.request(request).await.unwrap();
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    async fn active(&self) -> u64 {
        self.get("/_devhost/servicebus").await[0]["active"].as_u64().unwrap()
    }

    /// The ids of all messages of the queue.
    async fn ids(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        let mut skip = 0;
        loop {
            let path = format!("/_devhost/servicebus/orders/messages?count=1000&bodyBytes=0&skip={skip}");
            let page = self.get(&path).await;
            let messages = page["messages"].as_array().unwrap();
            ids.extend(
                messages
                    .iter()
                    .map(|message| message["messageId"].as_str().unwrap().to_owned()),
            );
            skip += messages.len();
            if messages.is_empty() {
                return ids;
            }
        }
    }

    /// The memory the program has now, in bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

async fn launch(app: &App, amqp_port: u16) -> (Child, Lines<BufReader<ChildStdout>>, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_devhost"))
        .args([
            "start",
            "--port",
            "0",
            "--amqp-port",
            &amqp_port.to_string(),
            "--script-root",
        ])
        .arg(app.path())
        .arg("--data")
        .arg(app.path().join("data"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next_line().await.unwrap().expect("the host starts");
        if let Some((_, port)) = line.split_once("Listening on port ") {
            break port.trim_end_matches('.').parse().unwrap();
        }
    };
    (child, lines, port)
}

#[derive(Clone, Copy)]
enum Sdk {
    Python,
    Node,
}

/// Starts a script of `tests/sdk`.
fn script(sdk: Sdk, host: &Devhost, what: &str, count: usize) -> (Child, Lines<BufReader<ChildStdout>>) {
    let (program, file, modules): (PathBuf, &str, Option<PathBuf>) = match sdk {
        Sdk::Python => (tool("python/bin/python"), "load.py", None),
        Sdk::Node => (PathBuf::from("node"), "load.mjs", Some(tool("node/node_modules"))),
    };
    let mut child = Command::new(program)
        .arg(Path::new(HERE).join("tests/sdk").join(file))
        .args([&host.connection_string(), what, &count.to_string()])
        .args(modules)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// Runs a script to its end; how long it took, in seconds.
async fn run(sdk: Sdk, host: &Devhost, what: &str, count: usize) -> f64 {
    let (mut child, mut lines) = script(sdk, host, what, count);
    let read = async {
        let mut seconds = None;
        while let Some(line) = lines.next_line().await.unwrap() {
            seconds = line
                .strip_prefix("done ")
                .and_then(|text| text.parse().ok())
                .or(seconds);
        }
        assert!(child.wait().await.unwrap().success());
        seconds.expect("the script came to its end")
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

/// What an SDK was told is there is there, though the program was killed meanwhile; and the SDK goes on by itself.
async fn restart_in_the_middle(sdk: Sdk) {
    const MESSAGES: usize = 300;
    let mut host = Devhost::start().await;
    let (mut child, mut lines) = script(sdk, &host, "trickle", MESSAGES);
    let mut sent = BTreeSet::new();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(id) = line.strip_prefix("sent ") {
                sent.insert(id.to_owned());
                if sent.len() == MESSAGES / 3 || sent.len() == MESSAGES * 2 / 3 {
                    host.restart().await;
                }
            }
        }
        assert!(child.wait().await.unwrap().success());
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    assert_eq!(sent.len(), MESSAGES);
    assert_eq!(host.ids().await, sent);
}

#[tokio::test]
async fn python_goes_on_after_restarts() {
    restart_in_the_middle(Sdk::Python).await;
}

#[tokio::test]
async fn node_goes_on_after_restarts() {
    restart_in_the_middle(Sdk::Node).await;
}

#[tokio::test]
async fn fifty_clients_of_each_kind_at_once() {
    let host = Devhost::start().await;
    let (python, node) = tokio::join!(
        run(Sdk::Python, &host, "clients", 50),
        run(Sdk::Node, &host, "clients", 50)
    );
    println!("50 clients with 10 messages each: Python {python:.1} s, Node {node:.1} s");
    // Both kinds give their messages the same ids.
    assert_eq!(host.active().await, 2 * 50 * 10);
    assert_eq!(host.ids().await.len(), 50 * 10);
}

/// A hundred thousand messages of a kilobyte are 100 MB: on disk, not in memory.
async fn volume(sdk: Sdk) {
    const MESSAGES: usize = 100_000;
    /// A fourth of the bodies: what is kept of a message in memory, what is on its way, and SQLite's cache.
    const GROWTH_BYTES_MAX: u64 = 25 * 1024 * 1024;
    let host = Devhost::start().await;
    // So that what is made once is not counted.
    run(sdk, &host, "volume", 5_000).await;
    let before = host.memory();
    let seconds = run(sdk, &host, "volume", MESSAGES).await;
    assert_eq!(host.active().await, MESSAGES as u64 + 5_000);
    let growth = host.memory().saturating_sub(before);
    println!(
        "{:.0} messages/s; {:.1} MB more than {:.1} MB",
        MESSAGES as f64 / seconds,
        growth as f64 / 1e6,
        before as f64 / 1e6
    );
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes more for {MESSAGES} messages");
}

#[tokio::test]
async fn a_hundred_thousand_messages_from_python() {
    volume(Sdk::Python).await;
}

#[tokio::test]
async fn a_hundred_thousand_messages_from_node() {
    volume(Sdk::Node).await;
}
