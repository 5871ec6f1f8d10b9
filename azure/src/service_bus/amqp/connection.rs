//! One connection to the service: open until it breaks, never repaired.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt::{Debug, Display};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::connection::{ConnectionHandle, OpenError};
use fe2o3_amqp::link::SenderAttachError;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection as AmqpConnection, Sender, Session};
use fe2o3_amqp_types::messaging::{Target, TerminusDurability};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::cbs::Cbs;
use super::refresh::{self, Authorizer};
use crate::service_bus::error::SendError;
use crate::service_bus::namespace::{Access, ServiceBusConnection};
use crate::service_bus::tokens::Tokens;

/// If nothing has come from the service for so long, the connection is broken. The service is told, and speaks up in
/// time.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a farewell may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A link to an entity.
pub(super) struct Link {
    /// Locked while messages are put on it, not while their answers are awaited.
    pub(super) sender: Mutex<Sender>,
    /// Whether messages must say that they are to be kept.
    pub(super) is_durable: bool,
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
    /// Where tokens are needed.
    authorizer: Option<Authorizer>,
    is_other_broker: bool,
    links: HashMap<String, Arc<Link>>,
    /// Links need names that differ.
    next_link: u64,
    end: ConnectionEnd,
    /// Dropped or used: the connection is closed.
    close: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

/// What a connection needs besides the address.
#[derive(Clone, Default)]
pub(super) struct Security {
    /// Without it the connection is plain.
    pub(super) tls: Option<TlsConnector>,
    /// Without them nothing is asked for.
    pub(super) tokens: Option<Tokens>,
}

impl Connection {
    /// Connects. The caller limits the time; `patience` is for the tokens of later.
    pub(super) async fn open(
        to: &ServiceBusConnection,
        security: &Security,
        patience: Duration,
    ) -> Result<Self, SendError> {
        let stream = TcpStream::connect((to.host.as_str(), to.port))
            .await
            .map_err(|error| failed(&error))?;
        // Small frames go out at once: the answers of many messages depend on them.
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let mut handle = match &security.tls {
            None => open_amqp(to, stream).await?,
            Some(tls) => {
                let name = ServerName::try_from(to.host.clone()).map_err(|error| failed(&error))?;
                let stream = tls.connect(name, stream).await.map_err(|error| failed(&error))?;
                open_amqp(to, stream).await?
            }
        };
        let mut session = Session::begin(&mut handle).await.map_err(|error| failed(&error))?;
        let authorizer = match &security.tokens {
            None => None,
            Some(tokens) => {
                let cbs = Cbs::attach(&mut session, &to.host, tokens.clone(), patience).await?;
                let (authorizer, keep_fresh) = refresh::authorizer(cbs);
                tokio::spawn(keep_fresh);
                Some(authorizer)
            }
        };
        let (close, closing) = oneshot::channel();
        let (alive, end) = watch::channel(());
        let keeper = tokio::spawn(keep(handle, closing, alive));
        Ok(Self {
            session,
            authorizer,
            is_other_broker: to.is_other_broker(),
            links: HashMap::new(),
            next_link: 0,
            end: ConnectionEnd(end),
            close,
            keeper,
        })
    }

    /// Whether messages may still get through.
    pub(super) fn is_alive(&self) -> bool {
        !self.end.has_come() && !self.session.is_ended() && self.authorizer.as_ref().is_none_or(Authorizer::is_alive)
    }

    /// The link to an entity; attached if there is none yet, with a fresh token. The caller limits the time.
    pub(super) async fn link(&mut self, entity: &str) -> Result<Arc<Link>, SendError> {
        if let Some(link) = self.links.get(entity) {
            return Ok(Arc::clone(link));
        }
        if let Some(authorizer) = &self.authorizer {
            authorizer.authorize(entity).await?;
        }
        self.next_link += 1;
        let name = format!("{entity}-{}", self.next_link);
        let sender = Sender::builder()
            .name(name)
            .target(self.target(entity))
            .attach(&mut self.session)
            .await
            .map_err(|error| match error {
                SenderAttachError::RemoteClosedWithError(error) => SendError::from_service(Some(&error), entity),
                other => SendError::NotConnected(other.to_string()),
            })?;
        let link = Arc::new(Link {
            sender: Mutex::new(sender),
            is_durable: self.is_other_broker,
            connection_end: self.end.clone(),
        });
        self.links.insert(entity.to_owned(), Arc::clone(&link));
        Ok(link)
    }

    fn target(&self, entity: &str) -> Target {
        if self.is_other_broker {
            // RabbitMQ makes the queue if it is not there, and one that outlives the broker only if asked.
            Target::builder()
                .address(format!("/queue/{entity}"))
                .durable(TerminusDurability::UnsettledState)
                .build()
        } else {
            Target::builder().address(entity).build()
        }
    }

    /// Forgets a link that broke; one that has taken its place stays. Whether it was still there.
    pub(super) fn forget(&mut self, entity: &str, broken: &Arc<Link>) -> bool {
        let is_there = self.links.get(entity).is_some_and(|link| Arc::ptr_eq(link, broken));
        if is_there {
            self.links.remove(entity);
        }
        is_there
    }

    /// Says goodbye. Whatever goes wrong now does not matter.
    pub(super) async fn close(self) {
        drop(self.links);
        drop(self.close);
        let _ = self.keeper.await;
    }
}

/// Opens AMQP on a stream, which TLS is no matter of any more.
async fn open_amqp(
    to: &ServiceBusConnection,
    stream: impl AsyncRead + AsyncWrite + Debug + Send + Unpin + 'static,
) -> Result<ConnectionHandle<()>, SendError> {
    // RabbitMQ takes the virtual host from the name of the host.
    let (sasl, hostname) = match &to.access {
        Access::Password { user, password, vhost } => (
            SaslProfile::Plain {
                username: user.clone(),
                password: password.secret().to_owned(),
            },
            vhost.as_ref().map(|vhost| format!("vhost:{vhost}")),
        ),
        Access::Emulator | Access::SharedKey { .. } | Access::Identity { .. } => (SaslProfile::Anonymous, None),
    };
    // Instances must not be taken for one another.
    let container = format!("inventory-{:016x}", RandomState::new().hash_one(()));
    AmqpConnection::builder()
        .container_id(container)
        .hostname(hostname.as_deref().unwrap_or(&to.host))
        .scheme("amqp")
        .sasl_profile(sasl)
        .idle_time_out(IDLE_TIMEOUT.as_millis() as u32)
        .open_with_stream(stream)
        .await
        .map_err(|error| match error {
            OpenError::SaslError { .. } => SendError::Unauthorized("user or password is wrong".to_owned()),
            error => failed(&error),
        })
}

fn failed(error: &dyn Display) -> SendError {
    SendError::NotConnected(error.to_string())
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
