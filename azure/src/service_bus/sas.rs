//! Shared access signatures: what a shared access key is turned into, so that the key itself never travels.
//!
//! <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas>

use azure_core::base64;
use azure_core::credentials::Secret;
use azure_core::hmac::hmac_sha256;
use time::OffsetDateTime;

/// A token for `resource` that is good until `expires`. `None` where the signature cannot be made, which no key leads
/// to.
pub(super) fn sign(resource: &str, name: &str, key: &Secret, expires: OffsetDateTime) -> Option<Secret> {
    let resource = encode(resource);
    let expires = expires.unix_timestamp();
    // The key's characters are the key. This function decodes what it is given.
    let key = Secret::new(base64::encode(key.secret()));
    let signature = hmac_sha256(&format!("{resource}\n{expires}"), &key).ok()?;
    Some(Secret::new(format!(
        "SharedAccessSignature \
        sr={resource}&sig={}&se={expires}&skn={}",
        encode(&signature),
        encode(name)
    )))
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_other_implementations_sign() {
        let expires = OffsetDateTime::from_unix_timestamp(1_700_000_000).expect("a time");
        let token = sign(
            "sb://name.servicebus.windows.net/orders",
            "Root+Key",
            &Secret::new("c2VjcmV0"),
            expires,
        );
        assert_eq!(token.as_ref().map(Secret::secret), Some(EXPECTED));
    }

    /// Made with Python's `hmac` and `urllib.parse`.
    const EXPECTED: &str = "SharedAccessSignature \
        sr=sb%3A%2F%2Fname.servicebus.windows.net%2Forders\
        &sig=600%2F2WipOOKLZiaB2zgtlcT9jydWKJpAtxw5mswKqtk%3D&se=1700000000&skn=Root%2BKey";
}
