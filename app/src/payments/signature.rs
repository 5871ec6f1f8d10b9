//! Stripe's signature of a message: `Stripe-Signature: t=TIME,v1=HEX[,v1=HEX…]`, each an HMAC-SHA256 of `TIME.BODY`
//! (<https://docs.stripe.com/webhooks#verify-manually>). Several stand there while a secret is replaced.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// How old a message may be, or how far ahead of our clock, in seconds: Stripe's own libraries allow as much.
const TOLERANCE_SECONDS: i64 = 300;
/// Signatures looked at: Stripe sends two at most.
const SIGNATURES_MAX: usize = 8;

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// There is no signature, or it cannot be read.
    #[error("Stripe-Signature must be t=TIME,v1=SIGNATURE")]
    Malformed,
    /// No signature fits body and time under a secret of ours.
    #[error("no signature is that of the body")]
    Wrong,
    /// It was signed too long ago, or in the future: perhaps somebody sends once more what was sent before.
    #[error("the message was not signed within the last five minutes")]
    Stale,
}

/// Checks the signature of `body` at `now`, in seconds since the Unix epoch.
///
/// # Errors
/// When it is not that of the body under one of `secrets`, or not of now.
pub(super) fn verify(header: &str, body: &[u8], secrets: &[SecretString], now: i64) -> Result<(), BadSignature> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) if time.is_none() => time = Some(text),
            Some(("v1", text)) => {
                if let Some(signature) = bytes(text)
                    && signatures.len() < SIGNATURES_MAX
                {
                    signatures.push(signature);
                }
            }
            // Other schemes are for others.
            _ => {}
        }
    }
    let time = time.ok_or(BadSignature::Malformed)?;
    let signed_at: i64 = time.parse().map_err(|_| BadSignature::Malformed)?;
    if signatures.is_empty() {
        return Err(BadSignature::Malformed);
    }
    let fits = |secret: &SecretString| {
        // A key of any length is fine.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
            return false;
        };
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        // In constant time.
        signatures
            .iter()
            .any(|signature| mac.clone().verify_slice(signature).is_ok())
    };
    if !secrets.iter().any(fits) {
        return Err(BadSignature::Wrong);
    }
    if now.saturating_sub(signed_at).unsigned_abs() > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(BadSignature::Stale);
    }
    Ok(())
}

/// The bytes that a hexadecimal text says.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: i64 = 1_767_614_400;
    // printf '1767614400.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_0123456789abcdef
    const SIGNATURE: &str = "b85216560626c383b96ec3993cdaa8aaed441396313dcde09b9c69522038fa91";
    // The same with whsec_fedcba9876543210.
    const OTHER: &str = "d5638099b98352270dbb855d061d45f6214d8a766a8e209162c4325a08900c1c";

    fn secrets(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    #[test]
    fn what_others_have_signed_is_believed() {
        let ours = secrets(&["whsec_0123456789abcdef"]);
        let header = format!("t={NOW},v1={SIGNATURE}");
        for now in [NOW, NOW + 300, NOW - 300] {
            assert_eq!(verify(&header, BODY, &ours, now), Ok(()));
        }
        for now in [NOW + 301, NOW - 301, i64::MAX, i64::MIN] {
            assert_eq!(verify(&header, BODY, &ours, now), Err(BadSignature::Stale));
        }
        assert_eq!(
            verify(&header, br#"{"id":"evt_2"}"#, &ours, NOW),
            Err(BadSignature::Wrong)
        );
        let later = format!("t={},v1={SIGNATURE}", NOW + 1);
        assert_eq!(
            verify(&later, BODY, &ours, NOW),
            Err(BadSignature::Wrong),
            "the time is signed, too"
        );
        assert_eq!(verify(&header, BODY, &[], NOW), Err(BadSignature::Wrong));
    }

    #[test]
    fn a_secret_is_replaced_without_a_gap() {
        let (old, new) = (
            secrets(&["whsec_0123456789abcdef"]),
            secrets(&["whsec_fedcba9876543210"]),
        );
        let both = secrets(&["whsec_fedcba9876543210", "whsec_0123456789abcdef"]);
        let by_both = format!("t={NOW},v1={OTHER},v1={SIGNATURE},v0=abcd");
        for secrets in [&old, &new, &both] {
            assert_eq!(verify(&by_both, BODY, secrets, NOW), Ok(()));
        }
        let by_old = format!("t={NOW}, v1={}", SIGNATURE.to_uppercase());
        assert_eq!(verify(&by_old, BODY, &both, NOW), Ok(()));
        assert_eq!(verify(&by_old, BODY, &new, NOW), Err(BadSignature::Wrong));
    }

    #[test]
    fn nonsense_is_not_read() {
        let ours = secrets(&["whsec_0123456789abcdef"]);
        for header in [
            "",
            "t=1",
            "v1=00",
            "t=x,v1=00",
            "t=1,v1=",
            "t=1,v1=zz",
            "t=1,v1=0",
            "t=1,v0=00",
            "t=99999999999999999999,v1=00",
        ] {
            let found = verify(header, BODY, &ours, NOW);
            assert!(
                matches!(found, Err(BadSignature::Malformed | BadSignature::Wrong)),
                "{header}: {found:?}"
            );
        }
    }
}
