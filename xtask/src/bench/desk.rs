//! devhost itself: what it adds to a handler that does next to nothing, and what it holds while a queue is drained.

use super::cpu;
use super::database::Scratch;
use super::load::{Load, Measured, Shot};
use super::report::{Report, per_second};
use crate::dev::Ready;
use crate::failure::{Context as _, Failure, Result};
use crate::group::Group;
use crate::workspace::{self, Profile};
use hyper::{Method, body::Bytes};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// The handler of devhost's own tests: it answers with what it got.
pub(super) const HANDLER: &str = "echo_handler";
/// Starts of devhost.
const COLD_STARTS: usize = 10;
/// Messages that wait in the queue, and the bytes of each body.
const MESSAGES: usize = 100_000;
const BODY_BYTES: usize = 1_000;
/// How many are sent at once.
const LIST: usize = 1_000;
/// How long a start may take, and how long the queue to be empty.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a queue is looked at until it is empty.
const LOOK: Duration = Duration::from_millis(10);

const COLD: &str = "devhost and handler, cold start to a 200";
const PROXIED: &str = "devhost, a request passed on";
const ENVELOPE: &str = "devhost, a request as an envelope";
const DRAIN: &str = "devhost, 100,000 messages drained";

/// The rows.
pub(super) const ROWS: [&str; 4] = [COLD, PROXIED, ENVELOPE, DRAIN];

/// Measures them. Says whether every answer was right.
pub(super) async fn measure(
    scratch: &Scratch,
    time: Duration,
    connections: usize,
    report: &mut Report,
) -> Result<bool> {
    let mut all_well = true;
    if report.wants(COLD) {
        let app = App::new(scratch.path(), "cold", true)?;
        let mut times = Vec::with_capacity(COLD_STARTS);
        for _ in 0..COLD_STARTS {
            let began = Instant::now();
            let host = Host::start(&app, &[]).await?;
            get(host.port).once(0).await?;
            times.push(began.elapsed());
            host.stop().await?;
        }
        report.times(COLD, None, times, &format!("exec to the answer, {COLD_STARTS} starts"));
    }
    for (row, proxies) in [(PROXIED, true), (ENVELOPE, false)] {
        if report.wants(row) {
            all_well &= added(row, proxies, scratch, time, connections, report).await?;
        }
    }
    if report.wants(DRAIN) {
        drain(scratch, report).await?;
    }
    Ok(all_well)
}

/// The same handler, asked directly and through devhost: many at once, and one after the other.
async fn added(
    row: &str,
    proxies: bool,
    scratch: &Scratch,
    time: Duration,
    connections: usize,
    report: &mut Report,
) -> Result<bool> {
    let app = App::new(scratch.path(), if proxies { "proxied" } else { "envelope" }, proxies)?;
    let host = Host::start(&app, &[]).await?;
    let (directly, through) = if proxies {
        (get(host.handler_port), get(host.port))
    } else {
        (envelope(host.handler_port), post(host.port))
    };
    let mut all_well = true;
    let mut alone = Vec::new();
    for (load, words) in [(directly, "asked directly"), (through, "through devhost")] {
        let many = run(&load, connections, time).await?;
        report.rate(row, &many, 1, &format!("{words}, {connections} at once"));
        let one = run(&load, 1, time).await?;
        report.rate(row, &one, 1, &format!("{words}, one after the other"));
        all_well &= many.wrong + one.wrong == 0;
        alone.push(one);
    }
    host.stop().await?;
    if let [directly, through] = &alone[..] {
        let added = |quantile| {
            let at = |measured: &Measured| measured.latencies.value_at_quantile(quantile) as f64 / 1e3;
            format!("{:.2} ms", at(through) - at(directly))
        };
        let p99 = added(0.99);
        report.value(
            row,
            &format!("+ {}", added(0.5)),
            &format!("added to p50, one after the other (to p99: {p99})"),
        );
    }
    Ok(all_well)
}

async fn run(load: &Load, connections: usize, time: Duration) -> Result<Measured> {
    let load = Load {
        connections,
        ..load.clone()
    };
    let numbers = Arc::new(AtomicU64::new(0));
    load.run(time / 5, &numbers).await?;
    load.run(time, &numbers).await
}

/// Messages that wait go through a function in batches; what devhost holds before, at most, and after.
async fn drain(scratch: &Scratch, report: &mut Report) -> Result<()> {
    let app = App::new(scratch.path(), "drain", true)?;
    let host = Host::start(&app, &[("AzureWebJobs.drain.Disabled", "1")]).await?;
    let messages: Vec<Value> = vec![json!({"body": "x".repeat(BODY_BYTES)}); LIST];
    let body = Bytes::from(Value::from(messages).to_string());
    let send = Load {
        port: host.port,
        connections: 1,
        shot: Arc::new(move |_| Shot {
            method: Method::POST,
            path: "/_devhost/servicebus/bench".to_owned(),
            body: body.clone(),
        }),
        status: 201,
        contains: String::new(),
    };
    for number in 0..MESSAGES / LIST {
        send.once(number as u64).await?;
    }
    host.stop().await?;
    let host = Host::start(&app, &[("AzureWebJobs.drain.Disabled", "1")]).await?;
    let before = cpu::resident_bytes(host.process_id).unwrap_or_default();
    host.stop().await?;
    let began = Instant::now();
    let host = Host::start(&app, &[]).await?;
    let counts = Load {
        port: host.port,
        connections: 1,
        shot: Arc::new(|_| Shot {
            method: Method::GET,
            path: "/_devhost/servicebus".to_owned(),
            body: Bytes::new(),
        }),
        status: 200,
        contains: String::new(),
    };
    let mut peak = before;
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            peak = peak.max(cpu::resident_bytes(host.process_id).unwrap_or_default());
            let entities: Value = serde_json::from_slice(&counts.once(0).await?)?;
            if entities[0]["active"] == 0 {
                return Ok::<(), Failure>(());
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    waited.await.context("the queue is not drained")??;
    let rate = MESSAGES as f64 / began.elapsed().as_secs_f64();
    let after = cpu::resident_bytes(host.process_id).unwrap_or_default();
    host.stop().await?;
    let megabytes = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
    report.value(
        DRAIN,
        &per_second(rate),
        &format!(
            "with its start; devhost holds {} before, {} at most, {} after",
            megabytes(before),
            megabytes(peak),
            megabytes(after)
        ),
    );
    Ok(())
}

fn get(port: u16) -> Load {
    load(port, Method::GET, "/api/things", Bytes::new(), 200)
}

fn post(port: u16) -> Load {
    load(port, Method::POST, "/api/things", Bytes::from_static(b"{}"), 201)
}

/// What devhost makes of [`post`], for the handler itself.
fn envelope(port: u16) -> Load {
    let request = json!({"Url": "http://localhost/api/things", "Method": "POST", "Query": {}, "Headers": {}, "Params": {},
        "Identities": [], "Body": "{}"});
    let body = json!({"Data": {"req": request}, "Metadata": {}}).to_string();
    load(port, Method::POST, "/things", body.into(), 200)
}

fn load(port: u16, method: Method, path: &'static str, body: Bytes, status: u16) -> Load {
    Load {
        port,
        connections: 1,
        shot: Arc::new(move |_| Shot {
            method: method.clone(),
            path: path.to_owned(),
            body: body.clone(),
        }),
        status,
        contains: String::new(),
    }
}

/// An app with the trivial handler.
struct App {
    root: PathBuf,
}

impl App {
    fn new(scratch: &Path, name: &str, proxies: bool) -> Result<Self> {
        let root = scratch.join(format!("desk-{name}"));
        let handler = workspace::program(Profile::Release, "examples").join(HANDLER);
        let write = |path: &str, content: Value| -> Result<()> {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&root)).context(path.display())?;
            std::fs::write(&path, content.to_string()).context(path.display())
        };
        write(
            "host.json",
            json!({
                "version": "2.0",
                "customHandler": {
                    "description": {"defaultExecutablePath": handler},
                    "enableProxyingHttpRequest": proxies,
                },
                "extensions": {"serviceBus": {"maxMessageBatchSize": LIST}},
            }),
        )?;
        write(
            "things/function.json",
            json!({"bindings": [
                {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "route": "things"},
                {"type": "http", "direction": "out", "name": "res"},
            ]}),
        )?;
        write(
            "drain/function.json",
            json!({"bindings": [
                {"type": "serviceBusTrigger", "direction": "in", "name": "m", "queueName": "bench",
                 "connection": "SB", "cardinality": "many", "dataType": "string"},
            ]}),
        )?;
        Ok(Self { root })
    }
}

/// devhost with the app.
struct Host {
    group: Group,
    port: u16,
    process_id: u32,
    handler_port: u16,
}

impl Host {
    async fn start(app: &App, settings: &[(&str, &str)]) -> Result<Self> {
        let ready = Ready::new(&app.root)?;
        let mut command = Command::new(workspace::program(Profile::Release, "devhost"));
        workspace::on_a_desk(&mut command);
        command
            .arg("start")
            .arg("--script-root")
            .arg(&app.root)
            .args(["--port", "0", "--no-amqp", "--quiet", "--no-watch", "--data"])
            .arg(app.root.join("data"))
            .arg("--ready-file")
            .arg(ready.path())
            .env("SB", "Endpoint=sb://localhost;UseDevelopmentEmulator=true;")
            .envs(settings.iter().copied())
            .stdout(Stdio::null());
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
            handler_port: written.handler_port,
        })
    }

    async fn stop(mut self) -> Result<()> {
        self.group.stop().await
    }
}
