//! Accepts connections and answers what comes over them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{HostBody, Site, bytes_response, dispatch};
use crate::connection::serve_connection;
use crate::console::Console;

/// The app that is loaded now; `None` while another is being loaded.
pub type CurrentSite = watch::Receiver<Option<Arc<Site>>>;

/// How long requests wait while an app is being loaded.
const LOADING_PATIENCE: Duration = Duration::from_secs(30);
/// How long answers under way may take when the host stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, site: CurrentSite, console: Console, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let site = site.clone();
                let answer = move |request| answer(site.clone(), request, peer);
                connections.spawn(serve_connection(stream, answer, shutdown.clone()));
            }
            Err(error) => {
                console.error(format_args!("cannot accept connections: {error}"));
                // Out of file handles, most likely: accepting again at once would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    connections.close();
    let _ = tokio::time::timeout(FAREWELL, connections.wait()).await;
}

async fn answer(mut site: CurrentSite, request: Request<Incoming>, peer: SocketAddr) -> Response<HostBody> {
    // An app whose handler has failed for good is about to be unloaded.
    let usable = |site: &Option<Arc<Site>>| site.as_ref().is_some_and(|site| !site.invoker.handler().has_failed());
    let current = site
        .borrow()
        .clone()
        .filter(|site| !site.invoker.handler().has_failed());
    let current = match current {
        Some(current) => Some(current),
        None => match tokio::time::timeout(LOADING_PATIENCE, site.wait_for(usable)).await {
            Ok(Ok(current)) => current.clone(),
            _ => None,
        },
    };
    match current {
        Some(current) => dispatch(&current, request, peer.ip()).await,
        None => bytes_response(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain; charset=utf-8",
            "Function host is not running.",
        ),
    }
}
