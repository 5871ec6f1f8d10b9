//! Tokens that we give (JWT, RFC 7519), and how any token is read.

use super::{Denied, keys::Keys};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use inventory_domain::{Role, Timestamp};
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::time::Duration;
use uuid::Uuid;

/// Longer ones are nobody's: Entra's grow with the claims that are asked for, to some kilobytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// How far the clocks of issuer and verifier may be apart.
pub(super) const SKEW_SECONDS: i64 = 30;

/// What a token of ours says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    /// The account as audit rows name it (`client:shop`).
    pub(super) sub: String,
    /// What the token allows; never more than the account may.
    pub(super) role: Role,
    iat: i64,
    nbf: i64,
    /// Seconds since the Unix epoch.
    pub(super) exp: i64,
    pub(super) jti: Uuid,
    /// The account's id.
    pub(super) account: i64,
    /// The account's generation of tokens.
    pub(super) generation: i64,
}

/// Whom a token is for.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) actor: String,
    pub(super) role: Role,
    pub(super) account: i64,
    pub(super) generation: i64,
}

/// Issuer and audience of our tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parties<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
}

/// Gives a token; `None` where there is no key to sign with.
pub(super) fn issue(
    keys: &Keys,
    parties: Parties<'_>,
    subject: Subject,
    now: Timestamp,
    lifetime: Duration,
) -> Option<String> {
    let key = keys.signing()?;
    let seconds = now.micros().div_euclid(1_000_000);
    let claims = Claims {
        iss: parties.issuer.to_owned(),
        aud: parties.audience.to_owned(),
        sub: subject.actor,
        role: subject.role,
        iat: seconds,
        nbf: seconds,
        exp: seconds + lifetime.as_secs() as i64,
        jti: Uuid::new_v4(),
        account: subject.account,
        generation: subject.generation,
    };
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.kid.clone());
    encode(&header, &claims, &key.encoding)
        .inspect_err(|error| tracing::error!(%error, "a token cannot be signed"))
        .ok()
}

/// The part of a token's header that decides. Whatever else it brings (a key, a place of keys) is not looked at: keys come
/// from our settings and from the issuer that the settings name, never from a token.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) alg: Algorithm,
    pub(super) kid: String,
    /// Extensions that a reader must understand (RFC 7515, section 4.1.11): we know none.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Whether a member is there, whatever it says.
fn present<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(reader).map(|_| true)
}

/// Reads a token's header.
pub(super) fn head(token: &str) -> Result<Head, Denied> {
    const MALFORMED: Denied = Denied::Invalid("the token cannot be read");
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Denied::Invalid("the token is too long"));
    }
    let mut parts = token.split('.');
    let (Some(head), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(MALFORMED);
    };
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| MALFORMED)?;
    let head: Head = serde_json::from_slice(&head).map_err(|_| MALFORMED)?;
    if head.crit {
        return Err(Denied::Invalid("the token has extensions that are not known here"));
    }
    Ok(head)
}

/// Whether a token says that it is from `issuer`. Nothing is proved by it: it only says whose keys to look for.
pub(super) fn names_issuer(token: &str, issuer: &str) -> bool {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    claims.is_some_and(|claims| serde_json::from_slice::<Named>(&claims).is_ok_and(|named| named.iss == issuer))
}

/// Signature, issuer and audience. Time is held against a clock of ours: see [`check_times`].
pub(super) fn validation(algorithm: Algorithm, parties: Parties<'_>) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[parties.issuer]);
    validation.set_audience(&[parties.audience]);
    validation.validate_exp = false;
    validation
}

/// Why the library refuses a token, as far as its bearer may know.
pub(super) fn refused(error: &jsonwebtoken::errors::Error) -> Denied {
    use jsonwebtoken::errors::ErrorKind;
    Denied::Invalid(match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::InvalidIssuer => "the token is from another issuer",
        ErrorKind::InvalidAudience => "the token is for somebody else",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks a claim",
        _ => "the token cannot be read",
    })
}

/// Holds the times of a token (seconds since the Unix epoch) against `now`.
pub(super) fn check_times(issued: i64, not_before: i64, expires: i64, now: Timestamp) -> Result<(), Denied> {
    let now = now.micros().div_euclid(1_000_000);
    if expires <= now.saturating_sub(SKEW_SECONDS) {
        return Err(Denied::Invalid("the token has expired"));
    }
    let latest = now.saturating_add(SKEW_SECONDS);
    if not_before > latest || issued > latest {
        return Err(Denied::Invalid("the token is not good yet"));
    }
    Ok(())
}

/// Reads a token of ours, without regard to its times: a good one is kept and its times are held against the clock each time.
pub(super) fn read(keys: &Keys, parties: Parties<'_>, head: &Head, token: &str) -> Result<Claims, Denied> {
    let key = keys
        .find(&head.kid)
        .ok_or(Denied::Invalid("the token's key is not known"))?;
    if head.alg != key.algorithm {
        return Err(Denied::Invalid("the token's algorithm is not its key's"));
    }
    let claims = decode::<Claims>(token, &key.decoding, &validation(key.algorithm, parties))
        .map_err(|error| refused(&error))?
        .claims;
    if claims.role == Role::Public || claims.sub.is_empty() {
        return Err(Denied::Invalid("the token lacks a claim"));
    }
    Ok(claims)
}

impl Claims {
    pub(super) fn check_times(&self, now: Timestamp) -> Result<(), Denied> {
        check_times(self.iat, self.nbf, self.exp, now)
    }
}
