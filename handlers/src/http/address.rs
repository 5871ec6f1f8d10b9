//! From where a request comes.

use http::{HeaderMap, HeaderName};
use inventory_app::settings::RateLimit as Settings;
use std::net::{IpAddr, SocketAddr};

/// The host sets it to the address of its own peer, whatever the client sent: behind Azure's front end that is the front end.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where the client's address is found.
#[derive(Clone, Debug)]
pub(crate) struct ClientAddress {
    header: Option<HeaderName>,
    hop: usize,
}

impl ClientAddress {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            header: settings
                .client_ip_header
                .as_ref()
                // The settings have checked that it is a name.
                .and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()),
            hop: settings.client_ip_hop,
        }
    }

    /// The client's address: what the header says that the settings name, else the host's peer. `None` for a request that
    /// did not come through the host: the socket itself is always on this machine and says nothing.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.named(headers).or_else(|| entry(headers, &X_FORWARDED_FOR, 1))
    }

    /// What the header says that the settings name: an address that is the client's and not a front end's, which all clients
    /// would share.
    pub(crate) fn named(&self, headers: &HeaderMap) -> Option<IpAddr> {
        entry(headers, self.header.as_ref()?, self.hop)
    }
}

/// The entry of a list that stands `hop` from the right. Several lines of a header are one list (RFC 9110, section 5.3).
fn entry(headers: &HeaderMap, name: &HeaderName, mut hop: usize) -> Option<IpAddr> {
    for value in headers.get_all(name).iter().rev() {
        let value = value.to_str().ok()?;
        for entry in value.rsplit(',') {
            hop -= 1;
            if hop == 0 {
                return address(entry.trim());
            }
        }
    }
    None
}

/// An address, with or without a port (Azure's front end adds it).
fn address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

/// What stands for the address in a limit: an IPv6 client has a /64 of its own, and with it more addresses than could be
/// counted.
pub(crate) fn limited(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(hop: usize, lines: &[(&'static str, &str)]) -> Option<String> {
        let address = ClientAddress {
            header: Some(HeaderName::from_static("client-ip")),
            hop,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        address.of(&headers).map(|address| address.to_string())
    }

    #[test]
    fn the_proxys_word_counts_and_no_clients() {
        for (hop, lines, expected) in [
            (1, &[("client-ip", "192.0.2.7")][..], Some("192.0.2.7")),
            (1, &[("client-ip", "192.0.2.7:4711")], Some("192.0.2.7")),
            (1, &[("client-ip", "[2001:db8::7]:4711")], Some("2001:db8::7")),
            (1, &[("client-ip", "[2001:db8::7]")], Some("2001:db8::7")),
            (1, &[("client-ip", "::ffff:192.0.2.7")], Some("192.0.2.7")),
            // A client that sends the header itself stands further left.
            (1, &[("client-ip", "10.0.0.1, 192.0.2.7")], Some("192.0.2.7")),
            (
                1,
                &[("client-ip", "10.0.0.1"), ("client-ip", "192.0.2.7")],
                Some("192.0.2.7"),
            ),
            (
                2,
                &[("client-ip", "10.0.0.1, 192.0.2.7, 198.51.100.1")],
                Some("192.0.2.7"),
            ),
            // What is not there or no address: the host's peer, which the host itself writes.
            (
                2,
                &[("client-ip", "192.0.2.7"), ("x-forwarded-for", "203.0.113.9")],
                Some("203.0.113.9"),
            ),
            (
                1,
                &[("client-ip", "unknown"), ("x-forwarded-for", "203.0.113.9")],
                Some("203.0.113.9"),
            ),
            (1, &[("client-ip", "")], None),
            (1, &[], None),
        ] {
            assert_eq!(of(hop, lines).as_deref(), expected, "{hop} {lines:?}");
        }
    }

    #[test]
    fn a_network_of_one_client_is_limited_as_one() {
        let of = |text: &str| limited(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
    }
}
