//! Kept-alive connections to one life of the handler.
//!
//! The general client of `hyper-util` would do, but it swallows the request where connecting fails; here a request with a
//! streamed body must survive that, and a pooled connection that the handler just closed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::tap::Tap;

/// What goes to the handler: an envelope, or the caller's body as it comes.
pub type HandlerBody = Either<Full<Bytes>, Tap<Limited<Incoming>>>;

const MOST_TRIES: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
const MOST_IDLE: usize = 1024;
/// How long the host keeps an idle connection: `SocketsHttpHandler.PooledConnectionIdleTimeout` as .NET has it.
const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody accepts connections.
    #[error("cannot connect to the handler: {0}")]
    Connect(std::io::Error),
    /// The connection broke in the middle.
    #[error("the handler broke the connection: {0}")]
    Exchange(hyper::Error),
}

/// A request without an answer.
pub(super) enum Unanswered {
    /// The process ended before it saw the request, which is given back.
    Gone(Box<Request<HandlerBody>>),
    /// The process may have seen it, or it cannot be reached.
    Failed(SendError),
}

/// The pool.
#[derive(Debug)]
pub struct Connections {
    address: SocketAddr,
    /// Each with the time since which it is idle, the latest last.
    idle: Mutex<Vec<(SendRequest<HandlerBody>, Instant)>>,
    gone: CancellationToken,
}

impl Connections {
    /// A pool for the handler on `port`; `gone` is cancelled when its process has ended.
    pub fn new(port: u16, gone: CancellationToken) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            idle: Mutex::default(),
            gone,
        }
    }

    /// Where the handler listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one request over a connection that is free, or a new one. Refused connections are tried again, ten times in
    /// all, as the host's proxy does.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<HandlerBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        loop {
            let mut sender = match self.take_idle() {
                Some(sender) => sender,
                None => match self.connect_patiently().await {
                    Ok(sender) => sender,
                    Err(None) => return Err(Unanswered::Gone(Box::new(request))),
                    Err(Some(error)) => return Err(Unanswered::Failed(SendError::Connect(error))),
                },
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    self.keep(sender);
                    return Ok(response);
                }
                // The handler closed it while it was idle: the request was not sent, another connection may.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Unanswered::Failed(SendError::Exchange(error.into_error()))),
                },
            }
        }
    }

    /// Opens one connection, without trying again.
    pub async fn connect(&self) -> std::io::Result<SendRequest<HandlerBody>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        let gone = self.gone.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                // Its error reaches whoever sent the request; there is nobody else to tell.
                _ = connection => {}
                () = gone.cancelled() => {}
            }
        });
        Ok(sender)
    }

    /// The error is `None` when the process has ended meanwhile.
    async fn connect_patiently(&self) -> Result<SendRequest<HandlerBody>, Option<std::io::Error>> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            match self.connect().await {
                Ok(sender) => return Ok(sender),
                Err(error) if tries == MOST_TRIES => return Err(Some(error)),
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.gone.cancelled() => return Err(None),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            tries += 1;
        }
    }

    fn take_idle(&self) -> Option<SendRequest<HandlerBody>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((sender, since)) = idle.pop() {
            if since.elapsed() > LONGEST_IDLE {
                // And so are all the others.
                idle.clear();
            } else if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Takes a connection back as soon as its answer has been read to the end.
    fn keep(self: &Arc<Self>, mut sender: SendRequest<HandlerBody>) {
        if sender.is_ready() {
            self.put_back(sender);
            return;
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.put_back(sender);
            }
        });
    }

    fn put_back(&self, sender: SendRequest<HandlerBody>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push((sender, Instant::now()));
        }
    }
}
