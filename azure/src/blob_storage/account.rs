//! Where a storage account is, and how it gives access.

use super::Secret;
use azure_core::{credentials::TokenCredential, hmac, http::Url};
use std::{collections::HashMap, sync::Arc};

/// The well-known account of the emulator and its key, which are no secrets
/// (<https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key>).
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR_URL: &str = "http://127.0.0.1:10000/devstoreaccount1";

/// Where a storage account is, and how it gives access. Shows no signature.
#[derive(Clone)]
pub struct BlobAccount {
    pub(super) url: Url,
    pub(super) access: Access,
    /// Whether it is an emulator.
    pub(super) is_emulator: bool,
}

#[derive(Clone)]
pub(super) enum Access {
    /// With Microsoft Entra ID.
    Entra,
    /// With a shared access signature: a query.
    Signature(Secret),
}

impl std::fmt::Debug for BlobAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobAccount({})", self.url)
    }
}

/// Why a text is no storage account. Shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobAccountError {
    /// The URL is not that of an account.
    #[error("must be https://ACCOUNT.blob.core.windows.net/")]
    Endpoint,
    /// The connection string is not one that we take.
    #[error(
        "must be UseDevelopmentStorage=true, or have BlobEndpoint with SharedAccessSignature or, for an emulator on this machine only, \
         with AccountName and AccountKey"
    )]
    ConnectionString,
}

impl BlobAccount {
    /// An account that gives access by Microsoft Entra ID: the identity needs the role `Storage Blob Data Contributor`.
    ///
    /// # Errors
    /// When the text is not the `https://` URL of an account.
    pub fn with_entra(url: &str) -> Result<Self, BlobAccountError> {
        let url = plain_url(url).ok_or(BlobAccountError::Endpoint)?;
        if url.scheme() != "https" {
            return Err(BlobAccountError::Endpoint);
        }
        Ok(Self {
            url,
            access: Access::Entra,
            is_emulator: false,
        })
    }

    /// An account by its connection string, as the emulator and the portal have it
    /// (<https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string>). Keys are for an emulator on this
    /// machine; elsewhere a shared access signature is taken.
    ///
    /// # Errors
    /// When the text is no such string.
    pub fn from_connection_string(text: &str) -> Result<Self, BlobAccountError> {
        const WRONG: BlobAccountError = BlobAccountError::ConnectionString;
        let mut parts = HashMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(WRONG)?;
            parts.insert(name.trim().to_ascii_lowercase(), value.trim());
        }
        let is_emulator_itself = parts
            .get("usedevelopmentstorage")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let url = match parts.get("blobendpoint") {
            Some(url) => url,
            None if is_emulator_itself => EMULATOR_URL,
            None => return Err(WRONG),
        };
        let url = plain_url(url).ok_or(WRONG)?;
        // What calls itself an emulator is taken for one, wherever it is: its account and key are no secrets.
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_emulator = is_emulator_itself || is_local;
        if url.scheme() != "https" && !is_emulator {
            return Err(WRONG);
        }
        let signature = match (parts.get("sharedaccesssignature"), is_emulator) {
            (Some(signature), _) => Secret::from(signature.trim_start_matches('?').to_owned()),
            (None, true) => {
                let account = parts.get("accountname").copied();
                let key = parts.get("accountkey").copied();
                let (account, key) = match (account, key) {
                    (Some(account), Some(key)) if is_local => (account, key),
                    (None, None) if is_emulator_itself => (EMULATOR_ACCOUNT, EMULATOR_KEY),
                    _ => return Err(WRONG),
                };
                sign(account, key).ok_or(WRONG)?
            }
            (None, false) => return Err(WRONG),
        };
        Ok(Self {
            url,
            access: Access::Signature(signature),
            is_emulator,
        })
    }

    /// The container's URL, and who proves us to it.
    pub(super) fn container(
        &self,
        container: &str,
        credential: &Arc<dyn TokenCredential>,
    ) -> (Url, Option<Arc<dyn TokenCredential>>) {
        let mut url = self.url.clone();
        // A URL with a host has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(container);
        }
        match &self.access {
            Access::Entra => (url, Some(Arc::clone(credential))),
            Access::Signature(signature) => {
                url.set_query(Some(signature.secret()));
                (url, None)
            }
        }
    }
}

fn plain_url(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let is_http = matches!(url.scheme(), "http" | "https");
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    (is_http && is_plain && url.has_host()).then_some(url)
}

/// A signature for everything in an account's Blob storage
/// (<https://learn.microsoft.com/rest/api/storageservices/create-account-sas>): our client has no shared keys.
fn sign(account: &str, key: &str) -> Option<Secret> {
    let (permissions, end, version) = ("rwdlc", "2099-01-01T00:00:00Z", "2021-06-08");
    let signed = format!("{account}\n{permissions}\nb\nsco\n\n{end}\n\nhttps,http\n{version}\n\n");
    let signature = hmac::hmac_sha256(&signed, &Secret::from(key.to_owned())).ok()?;
    let encoded: String = form_urlencoded::byte_serialize(signature.as_bytes()).collect();
    Some(Secret::from(format!(
        "sv={version}&ss=b&srt=sco&sp={permissions}&se={end}&spr=https,http&sig={encoded}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_leaves_this_machine_and_keys_never_do() {
        for (text, is_good) in [
            ("https://shop.blob.core.windows.net/", true),
            ("https://shop.blob.core.windows.net", true),
            ("http://127.0.0.1:10000/devstoreaccount1", false),
            ("http://shop.blob.core.windows.net/", false),
            ("https://shop.blob.core.windows.net/?sig=x", false),
            ("https://key@shop.blob.core.windows.net/", false),
            ("shop", false),
            ("file:///x", false),
        ] {
            assert_eq!(BlobAccount::with_entra(text).is_ok(), is_good, "{text}");
        }
        for (text, is_good) in [
            ("UseDevelopmentStorage=true", true),
            (
                "UseDevelopmentStorage=true;BlobEndpoint=http://localhost:1/devstoreaccount1;",
                true,
            ),
            (
                "UseDevelopmentStorage=true;BlobEndpoint=http://azurite:10000/devstoreaccount1",
                true,
            ),
            (
                "UseDevelopmentStorage=true;AccountName=a;AccountKey=melon;BlobEndpoint=http://shop.example/",
                false,
            ),
            (
                "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/a",
                true,
            ),
            (
                "BlobEndpoint=https://shop.blob.core.windows.net/;SharedAccessSignature=sv=x&sig=melon%3D",
                true,
            ),
            (
                "BlobEndpoint=http://shop.blob.core.windows.net/;SharedAccessSignature=sv=x&sig=melon",
                false,
            ),
            (
                "AccountName=a;AccountKey=melon;BlobEndpoint=https://shop.blob.core.windows.net/",
                false,
            ),
            ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=melon", false),
            (
                "AccountName=a;AccountKey=not base 64;BlobEndpoint=http://127.0.0.1:1/a",
                false,
            ),
            ("UseDevelopmentStorage=false", false),
            ("melon", false),
            ("", false),
        ] {
            let found = BlobAccount::from_connection_string(text);
            assert_eq!(found.is_ok(), is_good, "{text}");
            assert!(!format!("{found:?}").contains("melon"), "{found:?}");
        }
    }
}
