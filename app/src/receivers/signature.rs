//! Signatures and secrets of Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use crate::Error;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of chance in a secret: within the 24 to 64 of the standard.
const SECRET_BYTES: usize = 32;

/// A new secret.
pub(crate) fn secret() -> Result<String, Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Error::Internal
    })?;
    Ok(format!("{PREFIX}{}", BASE64.encode(bytes)))
}

/// The value of `webhook-signature`: one signature for each secret, so that either is good while a receiver changes over.
pub(crate) fn signatures<'s>(
    secrets: impl IntoIterator<Item = &'s str>,
    id: &str,
    timestamp: i64,
    body: &str,
) -> Option<String> {
    let content = format!("{id}.{timestamp}.{body}");
    let sign = |secret: &str| {
        let key = BASE64.decode(secret.strip_prefix(PREFIX)?).ok()?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), content.as_bytes());
        Some(format!("v1,{}", BASE64.encode(tag)))
    };
    let all: Option<Vec<_>> = secrets.into_iter().map(sign).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn published(secrets: &[&'static str]) -> Option<String> {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        signatures(secrets.iter().copied(), id, 1_614_265_330, r#"{"test": 2432232314}"#)
    }

    #[test]
    fn the_published_vector_is_ours() {
        assert_eq!(published(&[SECRET]).as_deref(), Some(SIGNED));
    }

    #[test]
    fn while_a_secret_is_changed_both_sign() {
        let both = published(&[SECRET, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]).unwrap();
        let (one, two) = both.split_once(' ').unwrap();
        assert_eq!(one, SIGNED);
        assert!(two.starts_with("v1,") && two != one, "{two}");
    }

    #[test]
    fn nothing_is_sent_unsigned() {
        assert_eq!(published(&[]), None);
        assert_eq!(published(&["whsec_%"]), None);
        assert_eq!(published(&["no prefix"]), None);
        let made = secret().unwrap();
        let bytes = BASE64.decode(made.strip_prefix(PREFIX).unwrap()).unwrap().len();
        assert!((24..=64).contains(&bytes) && secret().unwrap() != made);
    }
}
