//! Whether the ports are free.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use super::Finding;
use crate::host::DEFAULT_PORT;

/// The ports that a start would open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// Where they would listen; `None`: nothing is looked at.
    pub address: Option<IpAddr>,
    /// HTTP; `None`: that of `local.settings.json`, else 7071.
    pub port: Option<u16>,
    /// AMQP; `None`: none.
    pub amqp_port: Option<u16>,
}

impl Listeners {
    /// No ports at all.
    pub fn none() -> Self {
        Self {
            address: None,
            port: None,
            amqp_port: None,
        }
    }
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: None,
            amqp_port: Some(crate::host::DEFAULT_AMQP_PORT),
        }
    }
}

pub(super) fn findings(listeners: &Listeners, local: Option<u16>) -> Vec<Finding> {
    let Some(address) = listeners.address else {
        return Vec::new();
    };
    let http = listeners.port.or(local).unwrap_or(DEFAULT_PORT);
    let mut findings = Vec::new();
    for (port, flag) in [(Some(http), "--port"), (listeners.amqp_port, "--amqp-port")] {
        let Some(port) = port else { continue };
        let at = SocketAddr::new(address, port);
        if let Err(error) = TcpListener::bind(at) {
            findings.push(Finding::error(at.to_string(), busy(&error, flag)));
        }
    }
    findings
}

/// Why a port cannot be had, and what to do.
pub(crate) fn busy(error: &std::io::Error, flag: &str) -> String {
    let why = match error.kind() {
        std::io::ErrorKind::AddrInUse => "the port is in use, perhaps by another host".to_owned(),
        _ => format!("cannot listen there ({error})"),
    };
    format!("{why}; another port can be given with {flag}")
}
