//! Which service, and what opens it: the values of the setting `ServiceBusConnection`.

use std::fmt;
use std::str::FromStr;

use azure_core::credentials::Secret;
use percent_encoding::percent_decode_str;

/// The port of plain AMQP, which emulators speak.
const PLAIN_PORT: u16 = 5672;
/// The port of AMQP over TLS.
const TLS_PORT: u16 = 5671;
#[cfg(feature = "servicebus-https")]
const HTTPS_PORT: u16 = 443;

/// A service to send to and what opens it.
///
/// From text it is one of
///
/// - a Service Bus connection string,
///   `Endpoint=sb://HOST[:PORT]/;SharedAccessKeyName=NAME;SharedAccessKey=KEY[;UseDevelopmentEmulator=true]`;
/// - the URL of another AMQP 1.0 broker, `amqp://USER:PASSWORD@HOST[:PORT][/VHOST]`, or `amqps://` with TLS. Entities are
///   then queues by RabbitMQ's addresses, `/queue/NAME`.
///
/// [`ServiceBusConnection::with_identity`] makes one without secrets.
///
/// It never shows its key or password: not in [`fmt::Debug`], and not in errors.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceBusConnection {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) has_tls: bool,
    pub(super) access: Access,
    pub(super) transport: ServiceBusTransport,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServiceBusTransport {
    /// AMQP 1.0.
    #[default]
    Amqp,
    /// HTTPS, one request a message; in programs built with `servicebus-https`.
    Https,
}

/// What opens the door.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing: the emulator lets everybody in.
    Emulator,
    /// A shared access key.
    SharedKey { name: String, key: Secret },
    /// Tokens of Entra ID, for the managed identity with this client id where there are several.
    Identity { client_id: Option<String> },
    /// User and password, at a broker that is not Service Bus.
    Password {
        user: String,
        password: Secret,
        vhost: Option<String>,
    },
}

/// Which part of a connection is wrong. It repeats nothing of it, since a key may be anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceBusConnectionError {
    /// A part is not `Name=value`.
    #[error("a part of the connection string (number {0}) is not of the form Name=value")]
    NotAPair(usize),
    /// A part that must be there is missing or empty.
    #[error("{0} is missing in the connection string")]
    Missing(&'static str),
    /// A part's value cannot be used.
    #[error("{0} in the connection string {1}")]
    Invalid(&'static str, &'static str),
    /// It is an `amqp:` URL, and wrong.
    #[error("the URL of the broker {0}")]
    Url(&'static str),
    /// It cannot be reached this way.
    #[error("{0}")]
    Transport(&'static str),
    /// The name of a namespace is wrong.
    #[error("the name of the namespace {0}")]
    Namespace(&'static str),
}

impl ServiceBusConnection {
    /// A Service Bus namespace (`NAME.servicebus.windows.net`) that is opened with tokens of Entra ID.
    ///
    /// # Errors
    /// When this cannot be the name of a host.
    pub fn with_identity(namespace: &str, client_id: Option<String>) -> Result<Self, ServiceBusConnectionError> {
        let (host, port) = host_and_port(namespace).map_err(ServiceBusConnectionError::Namespace)?;
        Ok(Self {
            host,
            port: port.unwrap_or(TLS_PORT),
            has_tls: true,
            access: Access::Identity { client_id },
            transport: ServiceBusTransport::default(),
        })
    }

    /// The same service, reached another way.
    ///
    /// # Errors
    /// When it cannot be: HTTPS is what namespaces speak, and programs that were built for it.
    pub fn over(self, transport: ServiceBusTransport) -> Result<Self, ServiceBusConnectionError> {
        let error = ServiceBusConnectionError::Transport;
        if transport == ServiceBusTransport::Https {
            if !cfg!(feature = "servicebus-https") {
                return Err(error(
                    "this program was built without HTTPS for Service Bus (servicebus-https)",
                ));
            }
            if !self.has_tls || self.is_other_broker() {
                return Err(error("only a Service Bus namespace can be reached over HTTPS"));
            }
        }
        Ok(Self { transport, ..self })
    }

    /// The port for HTTPS: the one that was given, if any was.
    #[cfg(feature = "servicebus-https")]
    pub(super) fn https_port(&self) -> u16 {
        if self.port == TLS_PORT { HTTPS_PORT } else { self.port }
    }

    /// Whether it is a broker other than Service Bus, with addresses of its own and without tokens.
    pub fn is_other_broker(&self) -> bool {
        matches!(self.access, Access::Password { .. })
    }

    /// Whether it takes tokens of Entra ID; of which managed identity, if it says so.
    pub fn identity(&self) -> Option<Option<&str>> {
        match &self.access {
            Access::Identity { client_id } => Some(client_id.as_deref()),
            _ => None,
        }
    }
}

impl FromStr for ServiceBusConnection {
    type Err = ServiceBusConnectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("amqp") => broker(rest, false),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("amqps") => broker(rest, true),
            _ => connection_string(text),
        }
    }
}

fn connection_string(text: &str) -> Result<ServiceBusConnection, ServiceBusConnectionError> {
    let (mut endpoint, mut key_name, mut key, mut is_emulator) = (None, None, None, false);
    for (index, part) in text.split(';').map(str::trim).enumerate() {
        if part.is_empty() {
            continue;
        }
        // Keys are base64 and may end with `=`: only the first one separates.
        let (name, value) = part
            .split_once('=')
            .ok_or(ServiceBusConnectionError::NotAPair(index + 1))?;
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "endpoint" => endpoint = Some(value),
            "sharedaccesskeyname" => key_name = Some(value),
            "sharedaccesskey" => key = Some(value),
            "usedevelopmentemulator" => is_emulator = value.eq_ignore_ascii_case("true"),
            "entitypath" => {
                return Err(ServiceBusConnectionError::Invalid(
                    "EntityPath",
                    "is not supported: use the namespace's",
                ));
            }
            // Whatever Azure adds one day.
            _ => {}
        }
    }
    let endpoint = endpoint
        .filter(|value| !value.is_empty())
        .ok_or(ServiceBusConnectionError::Missing("Endpoint"))?;
    let invalid = |reason| ServiceBusConnectionError::Invalid("Endpoint", reason);
    let (scheme, rest) = endpoint
        .split_once("://")
        .ok_or(invalid("is not of the form sb://HOST/"))?;
    if !scheme.eq_ignore_ascii_case("sb") {
        return Err(invalid("does not begin with sb://"));
    }
    let (host, port) = host_and_port(rest).map_err(invalid)?;
    let required = |value: Option<&str>, name| {
        value
            .filter(|value| !value.is_empty())
            .map(ToOwned::to_owned)
            .ok_or(ServiceBusConnectionError::Missing(name))
    };
    let name = required(key_name, "SharedAccessKeyName")?;
    let key = Secret::new(required(key, "SharedAccessKey")?);
    Ok(ServiceBusConnection {
        host,
        port: port.unwrap_or(if is_emulator { PLAIN_PORT } else { TLS_PORT }),
        has_tls: !is_emulator,
        access: if is_emulator {
            Access::Emulator
        } else {
            Access::SharedKey { name, key }
        },
        transport: ServiceBusTransport::default(),
    })
}

/// `USER:PASSWORD@HOST[:PORT][/VHOST]`
fn broker(rest: &str, has_tls: bool) -> Result<ServiceBusConnection, ServiceBusConnectionError> {
    let url = ServiceBusConnectionError::Url;
    // A password may hold an `@` by mistake; a host cannot.
    let (credentials, address) = rest
        .rsplit_once('@')
        .ok_or(url("names no user (amqp://USER:PASSWORD@HOST)"))?;
    let (user, password) = credentials.split_once(':').ok_or(url("names no password"))?;
    let decoded = |text: &str| {
        let text = percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| url("is not UTF-8"))?;
        // SASL PLAIN separates with it.
        if text.contains('\0') {
            return Err(url("has a NUL character"));
        }
        Ok(text.into_owned())
    };
    let (authority, vhost) = match address.split_once('/') {
        Some((authority, vhost)) if !vhost.is_empty() => (authority, Some(decoded(vhost)?)),
        Some((authority, _)) => (authority, None),
        None => (address, None),
    };
    let (host, port) = host_and_port(authority).map_err(url)?;
    let user = decoded(user)?;
    if user.is_empty() {
        return Err(url("names no user (amqp://USER:PASSWORD@HOST)"));
    }
    Ok(ServiceBusConnection {
        host,
        port: port.unwrap_or(if has_tls { TLS_PORT } else { PLAIN_PORT }),
        has_tls,
        access: Access::Password {
            user,
            password: Secret::new(decoded(password)?),
            vhost,
        },
        transport: ServiceBusTransport::default(),
    })
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.ends_with(']') => (
            host,
            Some(port.parse().map_err(|_| "has a port that is no number up to 65535")?),
        ),
        _ => (authority, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_host) {
        return Err("has no valid host");
    }
    Ok((host.to_ascii_lowercase(), port))
}

impl fmt::Debug for ServiceBusConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match &self.access {
            Access::Emulator => "emulator",
            Access::SharedKey { .. } => "shared key",
            Access::Identity { .. } => "identity",
            Access::Password { .. } => "password",
        };
        formatter
            .debug_struct("ServiceBusConnection")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_tls", &self.has_tls)
            .field("access", &access)
            .field("transport", &self.transport)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0c2VjcmV0=";

    fn parse(text: &str) -> Result<ServiceBusConnection, ServiceBusConnectionError> {
        text.parse()
    }

    fn address(text: &str) -> (String, u16, bool) {
        let parsed = parse(text).expect("valid");
        (parsed.host, parsed.port, parsed.has_tls)
    }

    #[test]
    fn the_forms_azure_and_its_emulator_write() {
        let parsed = parse(&format!("Endpoint=sb://Name.servicebus.windows.net/;{KEYS}")).expect("valid");
        assert_eq!(
            (parsed.host.as_str(), parsed.port, parsed.has_tls),
            ("name.servicebus.windows.net", 5671, true)
        );
        let shared_key = Access::SharedKey {
            name: "Root".to_owned(),
            key: Secret::new("c2VjcmV0c2VjcmV0="),
        };
        assert!(parsed.access == shared_key);
        let text = format!("Endpoint=sb://localhost;{KEYS};UseDevelopmentEmulator=true;");
        assert_eq!(address(&text), ("localhost".to_owned(), 5672, false));
        assert!(parse(&text).expect("valid").access == Access::Emulator);
        for (endpoint, port) in [("sb://[::1]:7000/", 7000), ("sb://[::1]", 5671)] {
            assert_eq!(
                address(&format!("endpoint={endpoint};{KEYS}")),
                ("::1".to_owned(), port, true)
            );
        }
    }

    #[test]
    fn a_namespace_without_secrets() {
        let client_id = Some("11111111-2222-3333-4444-555555555555".to_owned());
        let parsed =
            ServiceBusConnection::with_identity("name.servicebus.windows.net", client_id.clone()).expect("valid");
        assert_eq!((parsed.port, parsed.has_tls), (5671, true));
        assert_eq!(parsed.identity(), Some(client_id.as_deref()));
        for wrong in ["", "https://name.servicebus.windows.net", "a b", "host:port"] {
            assert!(ServiceBusConnection::with_identity(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_broker() {
        let parsed = parse("amqp://us%40er:p%3Aw@rabbit/orders%2Fmain").expect("valid");
        assert_eq!(
            (parsed.host.as_str(), parsed.port, parsed.has_tls),
            ("rabbit", 5672, false)
        );
        let password = Access::Password {
            user: "us@er".to_owned(),
            password: Secret::new("p:w"),
            vhost: Some("orders/main".to_owned()),
        };
        assert!(parsed.access == password);
        assert!(parsed.is_other_broker());
        assert_eq!(address("AMQPS://u:@rabbit:99/"), ("rabbit".to_owned(), 99, true));
        for wrong in [
            "amqp://rabbit",
            "amqp://hunter2@rabbit",
            "amqp://:hunter2@rabbit",
            "amqp://u:hunter2@",
            "amqp://u:hunter2%00@rabbit",
            "amqp://u:hunter2%ff@rabbit",
            "amqp://u:hunter2@rabbit:many",
        ] {
            let error = parse(wrong).expect_err(wrong).to_string();
            assert!(error.contains("URL") && !error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{parsed:?}").contains("p:w"));
    }

    #[test]
    fn says_which_part_is_wrong_and_shows_no_key() {
        for (text, part) in [
            (KEYS.to_owned(), "Endpoint"),
            ("Endpoint=sb://host".to_owned(), "SharedAccessKeyName"),
            (
                "Endpoint=sb://host;SharedAccessKeyName=Root".to_owned(),
                "SharedAccessKey",
            ),
            (
                "Endpoint=sb://host;SharedAccessKeyName=Root;SharedAccessKey=".to_owned(),
                "SharedAccessKey",
            ),
            (format!("Endpoint=http://host;{KEYS}"), "sb://"),
            (format!("Endpoint=sb://host:99999;{KEYS}"), "port"),
            (format!("Endpoint=sb://;{KEYS}"), "host"),
            (format!("Endpoint=sb://ho st;{KEYS}"), "host"),
            (format!("Endpoint=sb://host;{KEYS};EntityPath=orders"), "EntityPath"),
            (format!("Endpoint=sb://host;c2VjcmV0;{KEYS}"), "number 2"),
        ] {
            let error = parse(&text).expect_err(&text).to_string();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("c2Vj"), "{error}");
        }
        let parsed = parse(&format!("Endpoint=sb://host;{KEYS}")).expect("valid");
        assert!(!format!("{parsed:?}").contains("c2Vj"));
    }
}
