//! Who may send: by default everybody, as on Microsoft's emulator. A test of a sender wants to see its tokens checked.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use time::OffsetDateTime;

/// Checks tokens, or asks for none.
#[derive(Clone, Default)]
pub struct Access {
    check: Option<Arc<Check>>,
}

/// What a check is asked: the resource a token is for, the token's type, the token.
type Check = dyn Fn(&str, &str, &str) -> Result<OffsetDateTime, String> + Send + Sync;

impl Access {
    /// Everybody may send, without a token.
    pub fn open() -> Self {
        Self::default()
    }

    /// Whoever knows a shared access key may send, for as long as its signature is good.
    pub fn shared_key(name: impl Into<String>, key: impl Into<String>) -> Self {
        let (name, key) = (name.into(), key.into());
        Self::checked(move |resource, _, token| check_signature(resource, token, &name, &key))
    }

    /// Tokens are checked by a function of resource, type of token (`jwt` or `servicebus.windows.net:sastoken`) and
    /// token. It answers until when the token is good, or why it is not.
    pub fn checked(check: impl Fn(&str, &str, &str) -> Result<OffsetDateTime, String> + Send + Sync + 'static) -> Self {
        Self {
            check: Some(Arc::new(check)),
        }
    }

    /// Whether nobody needs a token.
    pub(super) fn is_open(&self) -> bool {
        self.check.is_none()
    }

    /// Until when a token is good, or why it is not. `None` where none is needed.
    pub fn check(&self, resource: &str, kind: &str, token: &str) -> Result<Option<OffsetDateTime>, String> {
        let Some(check) = &self.check else {
            return Ok(None);
        };
        let until = check(resource, kind, token)?;
        if until <= OffsetDateTime::now_utc() {
            return Err("ExpiredToken: The token is expired.".to_owned());
        }
        Ok(Some(until))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_open() {
            "Access::open"
        } else {
            "Access::checked"
        })
    }
}

/// `SharedAccessSignature sr=…&sig=…&se=…&skn=…`, where `sig` signs `sr` and `se` as they are written.
fn check_signature(resource: &str, token: &str, name: &str, key: &str) -> Result<OffsetDateTime, String> {
    let malformed = || "MalformedToken: The token is malformed.".to_owned();
    let fields = token.strip_prefix("SharedAccessSignature ").ok_or_else(malformed)?;
    let field = |wanted: &str| {
        fields
            .split('&')
            .find_map(|field| field.split_once('=').filter(|(name, _)| *name == wanted))
            .map(|(_, value)| value)
            .ok_or_else(malformed)
    };
    let (signed, expires) = (field("sr")?, field("se")?);
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| malformed())?;
    hmac.update(format!("{signed}\n{expires}").as_bytes());
    let signature = STANDARD
        .decode(decode(field("sig")?).ok_or_else(malformed)?)
        .map_err(|_| malformed())?;
    if hmac.verify_slice(&signature).is_err() || decode(field("skn")?).as_deref() != Some(name) {
        return Err("InvalidSignature: The token has an invalid signature.".to_owned());
    }
    let signed = decode(signed).ok_or_else(malformed)?;
    if !covers(&signed, resource) {
        return Err(format!("InvalidAudience: The token is not for '{resource}'."));
    }
    let seconds = expires.parse().map_err(|_| malformed())?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| malformed())
}

/// Whether a token for one resource is good for another: itself and all below it, whatever the schemes are.
fn covers(signed: &str, resource: &str) -> bool {
    let path = |text: &str| {
        let (_, rest) = text.split_once("://").unwrap_or(("", text));
        format!("{}/", rest.trim_end_matches('/').to_ascii_lowercase())
    };
    path(resource).starts_with(&path(signed))
}

/// Undoes the encoding of URLs; `None` if it is none.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                rest = tail;
            }
            (b'%', _) => return None,
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac` and `urllib.parse`, for `sb://localhost/orders`, name `Root`, key `secret`.
    const TOKEN: &str = "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Forders\
        &sig=aSid6HE9TiZ5saeXUKFX7ROvTfFC97F2%2B6aZ7amxB70%3D&se=4102444800&skn=Root";

    #[test]
    fn a_signature_is_good_for_its_resource_and_what_is_below() {
        let check = |resource: &str, name: &str, key: &str| check_signature(resource, TOKEN, name, key);
        for resource in [
            "sb://localhost/orders",
            "amqps://LOCALHOST/orders/",
            "https://localhost/orders/messages",
        ] {
            assert_eq!(
                check(resource, "Root", "secret").unwrap().unix_timestamp(),
                4_102_444_800
            );
        }
        assert!(
            check("sb://localhost/events", "Root", "secret")
                .unwrap_err()
                .contains("InvalidAudience")
        );
        assert!(
            check("sb://localhost/orders2", "Root", "secret")
                .unwrap_err()
                .contains("InvalidAudience")
        );
        assert!(
            check("sb://localhost/orders", "Root", "Secret")
                .unwrap_err()
                .contains("InvalidSignature")
        );
        assert!(
            check("sb://localhost/orders", "root", "secret")
                .unwrap_err()
                .contains("InvalidSignature")
        );
        let changed = TOKEN.replace("4102444800", "4102444801");
        assert!(check_signature("sb://localhost/orders", &changed, "Root", "secret").is_err());
        for nonsense in [
            "",
            "SharedAccessSignature ",
            "Bearer x",
            "SharedAccessSignature sr=%zz&sig=a&se=1&skn=Root",
        ] {
            assert!(check_signature("sb://localhost/orders", nonsense, "Root", "secret").is_err());
        }
    }

    #[test]
    fn what_has_expired_is_refused() {
        let access = Access::checked(|_, _, _| Ok(OffsetDateTime::UNIX_EPOCH));
        assert!(access.check("", "jwt", "").unwrap_err().contains("ExpiredToken"));
        assert_eq!(Access::open().check("", "", ""), Ok(None));
    }
}
