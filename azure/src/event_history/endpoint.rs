//! Where a Cosmos DB account is.

use azure_core::http::Url;
use std::{fmt, str::FromStr};

/// Where a Cosmos DB account is: `https://…`, or an emulator of this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why a text is no account. Shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be https://ACCOUNT.documents.azure.com/ (http:// for an emulator on this machine only)")]
pub struct EndpointError;

impl Endpoint {
    pub(super) const fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let url: Url = text.parse().map_err(|_| EndpointError)?;
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
        let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if is_safe && is_plain && url.has_host() && url.path() == "/" {
            Ok(Self(url))
        } else {
            Err(EndpointError)
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_reached_by_tls() {
        for (text, is_good) in [
            ("https://shop.documents.azure.com/", true),
            ("https://shop.documents.azure.com:443", true),
            ("http://127.0.0.1:8081", true),
            ("http://localhost:8081/", true),
            ("http://shop.documents.azure.com/", false),
            ("https://key@shop.documents.azure.com/", false),
            ("https://shop.documents.azure.com/dbs", false),
            ("AccountEndpoint=https://shop.documents.azure.com/;AccountKey=x", false),
            ("shop", false),
        ] {
            assert_eq!(text.parse::<Endpoint>().is_ok(), is_good, "{text}");
        }
    }
}
