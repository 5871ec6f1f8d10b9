//! A receiver of HTTP requests for tests: keeps what comes, and answers as it is told.

use crate::running::PATIENCE;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where to, with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Received {
    /// A header; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// How a request is answered; `None`: never.
type Answer = dyn Fn(&Received) -> Option<Response<String>> + Send + Sync;

struct Inner {
    received: watch::Sender<Vec<Received>>,
    answer: Box<Answer>,
}

/// A receiver. Dropped: gone.
pub struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// Starts one on a free port, which answers so; `None`: never.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(answer: impl Fn(&Received) -> Option<Response<String>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            received: watch::Sender::new(Vec::new()),
            answer: Box::new(answer),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&inner)));
        Self {
            address,
            inner,
            serving,
        }
    }

    /// One that answers everything with this status.
    pub async fn with_status(status: u16) -> Self {
        Self::start(move |_| Response::builder().status(status).body(String::new()).ok()).await
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.inner.received.borrow().clone()
    }

    /// Waits until so many have come, and gives them.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&self, count: usize) -> Vec<Received> {
        let mut received = self.inner.received.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, received.wait_for(|all| all.len() >= count)).await;
        match arrived {
            Ok(Ok(all)) => all.clone(),
            _ => panic!("waited too long for {count} requests: {:#?}", self.received()),
        }
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inner = Arc::clone(&inner);
        let service = service_fn(move |request| {
            let inner = Arc::clone(&inner);
            async move { Ok::<_, Infallible>(take(request, &inner).await) }
        });
        // A client that goes away is none of the test's business.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn take(request: Request<Incoming>, inner: &Inner) -> Response<Full<bytes::Bytes>> {
    let (parts, body) = request.into_parts();
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let received = Received {
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let answer = (inner.answer)(&received);
    inner.received.send_modify(|all| all.push(received));
    match answer {
        Some(answer) => answer.map(|body| Full::new(body.into())),
        None => std::future::pending().await,
    }
}
