//! The host: what survives a restart of the app (ports, queues, timers' memory), and the app that is loaded at the
//! moment.

mod announce;
mod data;
mod entities;
mod generation;
mod manager;
mod options;

pub(crate) use entities::ensure_entities;
pub use options::{DEFAULT_AMQP_PORT, DEFAULT_PORT, HostError, HostOptions};

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::App;
use crate::console::Console;
use crate::handler::{Handler, HandlerState, Launcher, Live};
use crate::http::{Cors, serve};
use crate::invocation::CosmosFiles;
use crate::keys::Keys;
use crate::servicebus::{Access, AmqpOptions, Broker, Entities, serve_amqp, serve_rest};
use crate::timers::StatusStore;
use data::DataFolder;
use generation::Surroundings;
use manager::{Manager, Order};

/// A running host. Dropping it stops it, too, though without waiting for that.
pub struct Host {
    port: u16,
    amqp_port: Option<u16>,
    rest_port: Option<u16>,
    broker: Broker,
    debug: Option<Arc<Notify>>,
    handler: watch::Receiver<Option<Handler>>,
    orders: mpsc::UnboundedSender<Order>,
    /// Stops everything when it is dropped.
    shutdown: DropGuard,
    tasks: TaskTracker,
}

impl Host {
    /// Loads the app, opens the ports and starts everything. Returns before the handler answers; see [`Host::ready`].
    pub async fn start(options: HostOptions, console: Console) -> Result<Self, HostError> {
        let app = App::load(&options.root, options.environment.iter().cloned(), &options.functions)?;
        let port = options.port.or(app.local_host.port).unwrap_or(DEFAULT_PORT);
        let listener = bind(options.address, port, "--port").await?;
        let port = local_port(&listener, port)?;
        let amqp = match options.amqp_port {
            None => None,
            Some(port) => Some(bind(options.address, port, "--amqp-port").await?),
        };
        let amqp_port = amqp.as_ref().map(|listener| local_port(listener, 0)).transpose()?;
        let rest = match options.rest_port {
            None => None,
            Some(port) => Some(bind(options.address, port, "--rest-port").await?),
        };
        let rest_port = rest.as_ref().map(|listener| local_port(listener, 0)).transpose()?;
        let data_folder = DataFolder::open(&options.data)?;
        let broker = open_broker(&options)?;
        let timers = options.data.join("timers");
        let timer_store = StatusStore::open(&timers).map_err(|source| HostError::Data { path: timers, source })?;
        let keys = open_keys(&options, &console)?;
        let launcher = Launcher::new(options.launcher.clone()).map_err(HostError::Launcher)?;
        let cors = match &options.cors {
            Some(origins) => Cors::new(origins, options.cors_credentials),
            None => Cors::new(
                app.local_host.cors.as_deref().unwrap_or_default(),
                options.cors_credentials || app.local_host.cors_credentials,
            ),
        };
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (site_sender, site) = watch::channel(None);
        tasks.spawn(serve(listener, site, console.clone(), shutdown.clone()));
        if let Some(listener) = amqp {
            let (broker, console, shutdown) = (broker.clone(), console.clone(), shutdown.clone());
            tasks.spawn(async move {
                if let Err(error) = serve_amqp(broker, listener, AmqpOptions::default(), shutdown).await {
                    console.error(format_args!("The Service Bus listener failed: {error}"));
                }
            });
        }
        if let Some(listener) = rest {
            let (broker, console, shutdown) = (broker.clone(), console.clone(), shutdown.clone());
            tasks.spawn(async move {
                if let Err(error) = serve_rest(broker, listener, Access::open(), shutdown).await {
                    console.error(format_args!("The REST side of Service Bus failed: {error}"));
                }
            });
        }
        let debug = options.debug.then(Arc::<Notify>::default);
        let surroundings = Surroundings {
            debug: debug.clone(),
            history: console.history().clone(),
            console,
            broker: broker.clone(),
            launcher,
            timer_store,
            cosmos: CosmosFiles::new(options.data.join("cosmosdb")),
            _data_folder: data_folder,
            keys,
            cors,
            instance: Uuid::new_v4(),
            started: std::time::Instant::now(),
            address: options.address,
            port,
            amqp_port,
            rest_port,
            ready_file: options.ready_file.clone(),
        };
        let (orders, queue) = mpsc::unbounded_channel();
        let (handler_sender, handler) = watch::channel(None);
        let manager = Manager {
            options,
            surroundings: Arc::new(surroundings),
            site: site_sender,
            handler: handler_sender,
            orders: queue,
            shutdown: shutdown.clone(),
        };
        tasks.spawn(manager.run(app));
        tasks.close();
        Ok(Self {
            port,
            amqp_port,
            rest_port,
            broker,
            debug,
            handler,
            orders,
            shutdown: shutdown.drop_guard(),
            tasks,
        })
    }

    /// The port of the HTTP side.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of the Service Bus side, where it is open.
    pub fn amqp_port(&self) -> Option<u16> {
        self.amqp_port
    }

    /// The port of Service Bus's REST operations, where it is open.
    pub fn rest_port(&self) -> Option<u16> {
        self.rest_port
    }

    /// The broker behind it.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Waits until the handler answers; `None` when the host has stopped.
    pub async fn ready(&self) -> Option<Arc<Live>> {
        let mut handlers = self.handler.clone();
        loop {
            let handler = handlers.wait_for(Option::is_some).await.ok()?.clone()?;
            if let Some(live) = handler.ready_at_last().await {
                return Some(live);
            }
            // That app was unloaded while it started: another one follows, or the end.
            handlers.changed().await.ok()?;
        }
    }

    /// Where the handler stands; `None` while no app is loaded.
    pub fn handler_state(&self) -> Option<HandlerState> {
        self.handler.borrow().as_ref().map(Handler::state)
    }

    /// Lets a handler go on that waits for a debugger ([`HostOptions::debug`]).
    pub fn go_on(&self) {
        if let Some(debug) = &self.debug {
            debug.notify_waiters();
        }
    }

    /// Reads the app's files again and starts it anew; where they are wrong, says so and keeps the one that runs.
    pub fn reload(&self, reason: impl Into<String>) {
        // Without a manager the host is stopping.
        let _ = self.orders.send(Order::Reload(reason.into()));
    }

    /// Starts the handler anew and nothing else; the one that runs serves until the new one answers.
    pub fn restart_handler(&self, reason: impl Into<String>) {
        let _ = self.orders.send(Order::Restart(reason.into()));
    }

    /// Stops everything. The handler's process is gone afterwards.
    pub async fn stop(self) {
        drop(self.shutdown);
        self.tasks.wait().await;
    }
}

async fn bind(address: IpAddr, port: u16, flag: &'static str) -> Result<TcpListener, HostError> {
    let address = SocketAddr::new(address, port);
    TcpListener::bind(address)
        .await
        .map_err(|source| HostError::Port { address, flag, source })
}

fn local_port(listener: &TcpListener, port: u16) -> Result<u16, HostError> {
    let address = listener.local_addr().map_err(|source| HostError::Port {
        address: SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port),
        flag: "--port",
        source,
    })?;
    Ok(address.port())
}

/// The keys; new ones are told once.
fn open_keys(options: &HostOptions, console: &Console) -> Result<Keys, HostError> {
    let path = options.data.join("keys.json");
    let data = |source| HostError::Data {
        path: path.clone(),
        source,
    };
    let keys = Keys::open(&path, options.enable_auth).map_err(data)?;
    if options.enable_auth {
        if let Some((master, default)) = keys.settle().map_err(data)? {
            console.plain(format_args!("Master key (x-functions-key, or ?code=): {master}"));
            console.plain(format_args!("Host key \"default\": {default}"));
        }
        console.info(format_args!("Callers are asked for keys: {}", path.display()));
    }
    Ok(keys)
}

fn open_broker(options: &HostOptions) -> Result<Broker, HostError> {
    let file = options.root.join("servicebus.json");
    let entities = if file.is_file() {
        Entities::from_file(&file)?
    } else {
        Entities::default()
    };
    Ok(Broker::open(&options.data.join("servicebus.db"), entities)?)
}
