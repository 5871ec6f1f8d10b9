//! The accept loop: every connection costs what [`Limits`] says at most, and too many of them shut nobody out.

mod connection;
pub(crate) mod open_files;
mod stream;
#[cfg(test)]
mod tests;

use axum::{extract::Request, response::Response};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;
use tower::Service;

/// How long accepting rests after an error that the next try would meet too: no file descriptors, no memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log is told of the same trouble.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Connections that wait to be accepted, as far as the system allows so many. Beyond them a client tries again after a second.
const WAITING_MAX: u32 = 4_096;

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at once.
    pub(crate) connections_max: usize,
    /// Bytes of a request's head, and of what is read of a body at once. Kestrel, in front of us, lets 32 KiB of headers
    /// and 8 KiB of request line through and adds its own.
    pub(crate) head_bytes_max: usize,
    /// How long a connection may be idle or take for a request's head. Longer than the host keeps idle connections (one
    /// minute, .NET's default), or it would send over one that is just being closed.
    pub(crate) head_time_max: Duration,
    /// How long a client may read nothing of its answer.
    pub(crate) write_stall_max: Duration,
    /// How long a client that still sends what nobody wants may take to read its answer.
    pub(crate) linger_max: Duration,
    /// How long a new connection has for its first request before it must make room for another.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            head_bytes_max: 48 * 1024,
            head_time_max: Duration::from_secs(75),
            write_stall_max: Duration::from_secs(30),
            linger_max: Duration::from_secs(1),
            grace: Duration::from_secs(1),
        }
    }
}

/// What all connections know of each other.
struct Shared {
    limits: Limits,
    /// Wakes every connection: the server stops, or there are too many of them.
    attention: Notify,
    is_stopping: AtomicBool,
}

/// Listens on an address.
///
/// # Errors
/// When others do, or the system does not allow it.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // A process that was killed leaves connections behind, which must not keep the next one from starting.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// Serves connections until `stop` is ready, then until those under way have been answered.
pub(crate) async fn serve<S>(listener: TcpListener, handler: S, limits: Limits, stop: impl Future<Output = ()>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let http = connection::http(&limits);
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let shared = Arc::new(Shared {
        limits,
        attention: Notify::new(),
        is_stopping: AtomicBool::new(false),
    });
    let connections = TaskTracker::new();
    let accepting = async {
        let mut told = Told::default();
        loop {
            let slot = slot(&slots, &shared, &mut told).await;
            let stream = accept(&listener, &shared, &mut told).await;
            let (http, handler, shared) = (http.clone(), handler.clone(), shared.clone());
            connections.spawn(async move {
                connection::serve(&http, stream, handler, &shared).await;
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    shared.is_stopping.store(true, Ordering::Release);
    shared.attention.notify_waiters();
    connections.close();
    connections.wait().await;
}

/// Waits for a connection to be allowed, and asks those that do nothing to make room.
async fn slot(slots: &Arc<Semaphore>, shared: &Shared, told: &mut Told) -> OwnedSemaphorePermit {
    loop {
        if let Ok(slot) = slots.clone().try_acquire_owned() {
            return slot;
        }
        if told.may() {
            tracing::warn!(
                connections = shared.limits.connections_max,
                "all connections are taken: those that are idle are closed"
            );
        }
        shared.attention.notify_waiters();
        // Those that were busy or new are asked again.
        if let Ok(Ok(slot)) = timeout(shared.limits.grace, slots.clone().acquire_owned()).await {
            return slot;
        }
    }
}

/// Accepts a connection, whatever happens to others.
async fn accept(listener: &TcpListener, shared: &Shared, told: &mut Told) -> TcpStream {
    loop {
        let error = match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole: waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY is not set");
                }
                return stream;
            }
            Err(error) => error,
        };
        if is_of_one_connection(&error) {
            continue;
        }
        if told.may() {
            tracing::error!(%error, "no connection can be accepted");
        }
        shared.attention.notify_waiters();
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Whether the error is that of a client that went away while it waited.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// When the log was last told.
#[derive(Default)]
struct Told(Option<Instant>);

impl Told {
    /// Whether it is time to tell it again.
    fn may(&mut self) -> bool {
        let may = self.0.is_none_or(|last| last.elapsed() >= TELL_EVERY);
        if may {
            self.0 = Some(Instant::now());
        }
        may
    }
}
