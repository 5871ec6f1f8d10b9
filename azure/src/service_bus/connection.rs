//! One connection to the service: open until it breaks, never repaired.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::link::SenderAttachError;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection as AmqpConnection, Sender, Session};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

use super::connection_string::ConnectionString;
use super::error::SendError;

/// If nothing has come from the service for so long, the connection is broken. The service is told, and speaks up in
/// time.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a farewell may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A link to an entity.
pub(super) struct Link {
    /// Locked while messages are put on it, not while their answers are awaited.
    pub(super) sender: Mutex<Sender>,
    connection_end: ConnectionEnd,
}

impl Link {
    /// To learn of the end of the connection: answers that are awaited then may never come.
    pub(super) fn connection_end(&self) -> ConnectionEnd {
        self.connection_end.clone()
    }
}

/// Tells when a connection has ended, for whatever reason.
#[derive(Clone)]
pub(super) struct ConnectionEnd(watch::Receiver<()>);

impl ConnectionEnd {
    /// Returns when the connection has ended.
    pub(super) async fn wait(&mut self) {
        // Nothing is ever sent; the sender is dropped at the end.
        while self.0.changed().await.is_ok() {}
    }

    fn has_come(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

/// An open connection with its one session and a link for each entity that was sent to.
pub(super) struct Connection {
    session: SessionHandle<()>,
    links: HashMap<String, Arc<Link>>,
    /// Links need names that differ.
    next_link: u64,
    end: ConnectionEnd,
    /// Dropped or used: the connection is closed.
    close: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

impl Connection {
    /// Connects. The caller limits the time.
    pub(super) async fn open(to: &ConnectionString) -> Result<Self, SendError> {
        if !to.is_emulator {
            return Err(SendError::Configuration(
                "this build speaks to the Service Bus emulator only: UseDevelopmentEmulator=true is missing in the \
                 connection string"
                    .to_owned(),
            ));
        }
        let failed = |error: &dyn std::fmt::Display| SendError::NotConnected(error.to_string());
        let stream = TcpStream::connect((to.host.as_str(), to.port))
            .await
            .map_err(|error| failed(&error))?;
        // Small frames go out at once: the answers of many messages depend on them.
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let mut handle = AmqpConnection::builder()
            .container_id("inventory")
            .hostname(to.host.as_str())
            .scheme("amqp")
            .sasl_profile(SaslProfile::Anonymous)
            .idle_time_out(IDLE_TIMEOUT.as_millis() as u32)
            .open_with_stream(stream)
            .await
            .map_err(|error| failed(&error))?;
        let session = Session::begin(&mut handle).await.map_err(|error| failed(&error))?;
        let (close, closing) = oneshot::channel();
        let (alive, end) = watch::channel(());
        let keeper = tokio::spawn(keep(handle, closing, alive));
        Ok(Self {
            session,
            links: HashMap::new(),
            next_link: 0,
            end: ConnectionEnd(end),
            close,
            keeper,
        })
    }

    /// Whether messages may still get through.
    pub(super) fn is_alive(&self) -> bool {
        !self.end.has_come() && !self.session.is_ended()
    }

    /// The link to an entity; attached if there is none yet. The caller limits the time.
    pub(super) async fn link(&mut self, entity: &str) -> Result<Arc<Link>, SendError> {
        if let Some(link) = self.links.get(entity) {
            return Ok(Arc::clone(link));
        }
        self.next_link += 1;
        let name = format!("{entity}-{}", self.next_link);
        let sender = Sender::attach(&mut self.session, name, entity)
            .await
            .map_err(|error| match error {
                SenderAttachError::RemoteClosedWithError(error) => SendError::from_service(Some(&error), entity),
                other => SendError::NotConnected(other.to_string()),
            })?;
        let link = Arc::new(Link {
            sender: Mutex::new(sender),
            connection_end: self.end.clone(),
        });
        self.links.insert(entity.to_owned(), Arc::clone(&link));
        Ok(link)
    }

    /// Forgets a link that broke; one that has taken its place stays.
    pub(super) fn forget(&mut self, entity: &str, broken: &Arc<Link>) {
        if self.links.get(entity).is_some_and(|link| Arc::ptr_eq(link, broken)) {
            self.links.remove(entity);
        }
    }

    /// Says goodbye. Whatever goes wrong now does not matter.
    pub(super) async fn close(self) {
        drop(self.links);
        drop(self.close);
        let _ = self.keeper.await;
    }
}

/// Holds the connection until it ends, or until it is to be closed; then drops `_alive`.
async fn keep(mut handle: ConnectionHandle<()>, closing: oneshot::Receiver<()>, _alive: watch::Sender<()>) {
    tokio::select! {
        ended = handle.on_close() => {
            tracing::debug!(?ended, "the connection to Service Bus ended");
            return;
        }
        _ = closing => {}
    }
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, handle.close()).await;
}
