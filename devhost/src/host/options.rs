//! What a host is told, and why it may not start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::servicebus::BrokerError;

/// The port that `func start` takes.
pub const DEFAULT_PORT: u16 = 7071;
/// The port of AMQP without TLS.
pub const DEFAULT_AMQP_PORT: u16 = 5672;

/// How a host is to run.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The folder with `host.json`.
    pub root: PathBuf,
    /// Where to listen.
    pub address: IpAddr,
    /// The HTTP port; 0: any free one; `None`: that of `local.settings.json`, else 7071.
    pub port: Option<u16>,
    /// The AMQP port; 0: any free one; `None`: none at all.
    pub amqp_port: Option<u16>,
    /// The port of Service Bus's REST operations; 0: any free one; `None`: none at all.
    pub rest_port: Option<u16>,
    /// Where queues and timers are kept.
    pub data: PathBuf,
    /// Origins for CORS; `None`: those of `local.settings.json`.
    pub cors: Option<String>,
    /// Let browsers send credentials along.
    pub cors_credentials: bool,
    /// The only functions to load; empty: all.
    pub functions: Vec<String>,
    /// Ask for function and host keys.
    pub enable_auth: bool,
    /// Load the app anew when its files change.
    pub watch: bool,
    /// Start the handler anew when its executable changes.
    pub watch_binary: bool,
    /// Each process of the handler waits for a debugger before its first instruction. Linux only, and with a launcher.
    pub debug: bool,
    /// A file to write once the handler answers.
    pub ready_file: Option<PathBuf>,
    /// An executable that serves as launcher; see [`crate::handler::Launcher`].
    pub launcher: Option<PathBuf>,
    /// The environment that settings are read from. The handler inherits that of this process besides.
    pub environment: Vec<(String, String)>,
}

impl HostOptions {
    /// The usual ones for the app in `root`, with the environment of this process.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: None,
            amqp_port: Some(DEFAULT_AMQP_PORT),
            rest_port: None,
            data: PathBuf::from(".devhost"),
            cors: None,
            cors_credentials: false,
            functions: Vec::new(),
            enable_auth: false,
            watch: true,
            watch_binary: false,
            debug: false,
            ready_file: None,
            launcher: None,
            // A variable that is not Unicode cannot be a setting.
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        }
    }
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The app's files are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The broker cannot be opened.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A port is taken.
    #[error("{address}: {}", crate::check::busy(source, flag))]
    Port {
        /// Where.
        address: SocketAddr,
        /// The option that changes it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data folder cannot be used.
    #[error("the data folder {path} cannot be used: {source}")]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another host uses the data folder.
    #[error(
        "the data folder {path} is in use by process {pid}, most likely another devhost; stop that, or name another folder with --data"
    )]
    DataInUse {
        /// The folder.
        path: PathBuf,
        /// Who has it.
        pid: String,
    },
    /// No thread for starting processes.
    #[error("cannot start the launcher: {0}")]
    Launcher(std::io::Error),
}
