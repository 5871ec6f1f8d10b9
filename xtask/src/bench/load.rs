//! The load: so many connections, each sending its next request when the last is answered.

use crate::failure::{Context as _, Failure, Result};
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, body::Bytes};
use hyper_util::rt::TokioIo;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Latencies are counted in microseconds, up to this, with three digits.
const LATENCY_MAX_MICROS: u64 = 120_000_000;

/// One request to be sent.
pub(super) struct Shot {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
}

impl Shot {
    fn request(self) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("host", "localhost");
        if !self.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        Ok(request.body(Full::new(self.body))?)
    }
}

/// What is sent, and how it must be answered.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) port: u16,
    pub(super) connections: usize,
    /// Makes the request of a number, which no other request has.
    pub(super) shot: Arc<dyn Fn(u64) -> Shot + Send + Sync>,
    /// The status that every answer must have.
    pub(super) status: u16,
    /// What every answer's body must contain.
    pub(super) contains: String,
}

/// What came of it.
pub(super) struct Measured {
    pub(super) requests: u64,
    pub(super) elapsed: Duration,
    /// Latencies in microseconds.
    pub(super) latencies: Histogram<u64>,
    /// Answers that were not as they must be, and the first of them.
    pub(super) wrong: u64,
    pub(super) first_wrong: Option<String>,
}

impl Measured {
    fn new() -> Result<Self> {
        Ok(Self {
            requests: 0,
            elapsed: Duration::ZERO,
            latencies: Histogram::new_with_bounds(1, LATENCY_MAX_MICROS, 3)?,
            wrong: 0,
            first_wrong: None,
        })
    }

    fn add(&mut self, other: Self) -> Result<()> {
        self.requests += other.requests;
        self.latencies.add(other.latencies)?;
        self.wrong += other.wrong;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        Ok(())
    }
}

impl Load {
    /// Sends for `time`, with numbers from `numbers`. Every request that was begun is awaited and counted.
    pub(super) async fn run(&self, time: Duration, numbers: &Arc<AtomicU64>) -> Result<Measured> {
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(self.connect().await?);
        }
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for sender in connections {
            tasks.spawn(self.clone().send(sender, began + time, Arc::clone(numbers)));
        }
        let mut measured = Measured::new()?;
        while let Some(part) = tasks.join_next().await {
            measured.add(part??)?;
        }
        measured.elapsed = began.elapsed();
        Ok(measured)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .await
            .context("connecting")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn send(
        self,
        mut sender: SendRequest<Full<Bytes>>,
        until: Instant,
        numbers: Arc<AtomicU64>,
    ) -> Result<Measured> {
        let mut measured = Measured::new()?;
        while Instant::now() < until {
            let shot = (self.shot)(numbers.fetch_add(1, Ordering::Relaxed));
            let request = shot.request()?;
            let began = Instant::now();
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await?.to_bytes();
            measured
                .latencies
                .saturating_record((began.elapsed().as_micros() as u64).max(1));
            measured.requests += 1;
            if status != self.status || !contains(&body, self.contains.as_bytes()) {
                measured.wrong += 1;
                measured.first_wrong.get_or_insert_with(|| {
                    let text = String::from_utf8_lossy(&body);
                    format!("{status} {}", text.chars().take(300).collect::<String>())
                });
            }
        }
        Ok(measured)
    }

    /// Sends one request and returns the body of its answer.
    pub(super) async fn once(&self, number: u64) -> Result<Bytes> {
        let mut sender = self.connect().await?;
        let shot = (self.shot)(number);
        let path = shot.path.clone();
        let answer = sender.send_request(shot.request()?).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        if status == self.status {
            Ok(body)
        } else {
            Err(Failure(format!(
                "{path} answers {status}: {}",
                String::from_utf8_lossy(&body)
            )))
        }
    }
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || body.windows(wanted.len()).any(|window| window == wanted)
}
