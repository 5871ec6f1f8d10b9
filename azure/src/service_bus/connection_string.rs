//! Where the namespace is and what opens it.

use std::fmt;
use std::str::FromStr;

/// The port of plain AMQP, which emulators speak.
const PLAIN_PORT: u16 = 5672;
/// The port of AMQP over TLS.
const TLS_PORT: u16 = 5671;

/// A Service Bus connection string:
/// `Endpoint=sb://HOST[:PORT]/;SharedAccessKeyName=NAME;SharedAccessKey=KEY[;UseDevelopmentEmulator=true]`.
///
/// It never shows its key: not in [`fmt::Debug`], and not in errors.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) key_name: String,
    pub(super) key: String,
    pub(super) is_emulator: bool,
}

/// Which part of a connection string is wrong. It repeats nothing of the string, which may hold a key anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringError {
    /// A part is not `Name=value`.
    #[error("a part of the connection string (number {0}) is not of the form Name=value")]
    NotAPair(usize),
    /// A part that must be there is missing or empty.
    #[error("{0} is missing in the connection string")]
    Missing(&'static str),
    /// A part's value cannot be used.
    #[error("{0} in the connection string {1}")]
    Invalid(&'static str, &'static str),
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut endpoint, mut key_name, mut key, mut is_emulator) = (None, None, None, false);
        for (index, part) in text.split(';').map(str::trim).enumerate() {
            if part.is_empty() {
                continue;
            }
            // Keys are base64 and may end with `=`: only the first one separates.
            let (name, value) = part.split_once('=').ok_or(ConnectionStringError::NotAPair(index + 1))?;
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => endpoint = Some(value),
                "sharedaccesskeyname" => key_name = Some(value),
                "sharedaccesskey" => key = Some(value),
                "usedevelopmentemulator" => is_emulator = value.eq_ignore_ascii_case("true"),
                "entitypath" => {
                    return Err(ConnectionStringError::Invalid(
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
            .ok_or(ConnectionStringError::Missing("Endpoint"))?;
        let (host, port) = host_and_port(endpoint)?;
        let required = |value: Option<&str>, name| {
            value
                .filter(|value| !value.is_empty())
                .map(ToOwned::to_owned)
                .ok_or(ConnectionStringError::Missing(name))
        };
        Ok(Self {
            host,
            port: port.unwrap_or(if is_emulator { PLAIN_PORT } else { TLS_PORT }),
            key_name: required(key_name, "SharedAccessKeyName")?,
            key: required(key, "SharedAccessKey")?,
            is_emulator,
        })
    }
}

fn host_and_port(endpoint: &str) -> Result<(String, Option<u16>), ConnectionStringError> {
    let invalid = |reason| ConnectionStringError::Invalid("Endpoint", reason);
    let (scheme, rest) = endpoint
        .split_once("://")
        .ok_or(invalid("is not of the form sb://HOST/"))?;
    if !scheme.eq_ignore_ascii_case("sb") {
        return Err(invalid("does not begin with sb://"));
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.ends_with(']') => (
            host,
            Some(
                port.parse()
                    .map_err(|_| invalid("has a port that is no number up to 65535"))?,
            ),
        ),
        _ => (authority, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(invalid("has no valid host"));
    }
    Ok((host.to_owned(), port))
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectionString")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("key_name", &self.key_name)
            .field("is_emulator", &self.is_emulator)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0c2VjcmV0=";

    fn parse(text: &str) -> Result<ConnectionString, ConnectionStringError> {
        text.parse()
    }

    #[test]
    fn the_forms_azure_and_its_emulator_write() {
        let parsed = parse(&format!("Endpoint=sb://name.servicebus.windows.net/;{KEYS}")).expect("valid");
        assert_eq!(
            (parsed.host.as_str(), parsed.port),
            ("name.servicebus.windows.net", 5671)
        );
        assert_eq!((parsed.key.as_str(), parsed.is_emulator), ("c2VjcmV0c2VjcmV0=", false));
        let parsed = parse(&format!("Endpoint=sb://localhost;{KEYS};UseDevelopmentEmulator=true;")).expect("valid");
        assert_eq!(
            (parsed.host.as_str(), parsed.port, parsed.is_emulator),
            ("localhost", 5672, true)
        );
        let parsed = parse(&format!("endpoint=sb://[::1]:7000/;{KEYS}")).expect("valid");
        assert_eq!((parsed.host.as_str(), parsed.port), ("::1", 7000));
        let parsed = parse(&format!("endpoint=sb://[::1];{KEYS}")).expect("valid");
        assert_eq!((parsed.host.as_str(), parsed.port), ("::1", 5671));
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
