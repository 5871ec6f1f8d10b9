//! Redis without a password: Entra tokens in its place.
//!
//! A connection is good for as long as the token that opened it; then the server closes it, and the next one is opened with
//! the token of that time.

use crate::{
    pause,
    secrets::{ExposeSecret as _, SecretString},
    settings::is_loopback,
};
use inventory_azure::TokenCredential;
use reqwest::Url;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What Managed Redis wants a token for.
/// <https://learn.microsoft.com/azure/redis/entra-for-authentication>
const SCOPE: &str = "https://redis.azure.com/.default";
/// So long before a token expires comes the next one. Credentials keep a token until five minutes before.
const MARGIN: Duration = Duration::from_mins(4);
/// The longest first wait after there was no token; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Time between two tokens at least, whatever they say of their end.
const GAP: Duration = Duration::from_secs(1);

/// Where Redis is, to which a token can be sent: by TLS (or on this machine), with our identity as its user.
///
/// # Errors
/// What it must be, for operators.
pub(crate) fn address(url: &str) -> Result<Url, &'static str> {
    const FORM: &str = "must be rediss://OBJECT-ID@HOST:PORT with REDIS_AUTHENTICATION=entra";
    let url = Url::parse(url).map_err(|_| FORM)?;
    let is_safe = url.scheme() == "rediss" || (url.scheme() == "redis" && is_loopback(&url));
    if is_safe && url.has_host() && !url.username().is_empty() {
        Ok(url)
    } else {
        Err(FORM)
    }
}

/// The address with a token for its password, and how long that is good, margin deducted.
async fn opened(credential: &dyn TokenCredential, given: &SecretString) -> Result<(SecretString, Duration), String> {
    let mut url = address(given.expose_secret()).map_err(|what| format!("REDIS_URL {what}"))?;
    let token = credential.get_token(&[SCOPE], None).await;
    let token = token.map_err(|error| format!("no token for Redis: {error}"))?;
    url.set_password(Some(token.token.secret()))
        .map_err(|()| "REDIS_URL takes no password".to_owned())?;
    let expires: SystemTime = token.expires_on.into();
    let good = expires.duration_since(SystemTime::now()).unwrap_or_default();
    Ok((String::from(url).into(), good.saturating_sub(MARGIN).max(GAP)))
}

/// Says where Redis is, each time with a token that is good, until it is stopped. Nobody waits for it: without Redis each
/// instance counts for itself.
pub(crate) async fn keep(
    credential: Arc<dyn TokenCredential>,
    mut given: watch::Receiver<Option<SecretString>>,
    urls: watch::Sender<Option<SecretString>>,
    stop: CancellationToken,
) {
    let mut failures = 0;
    loop {
        let url = given.borrow_and_update().clone();
        let wait = match url {
            // Until somebody says where it is.
            None => {
                urls.send_replace(None);
                Duration::MAX
            }
            Some(url) => {
                let outcome = tokio::select! {
                    outcome = opened(&*credential, &url) => outcome,
                    () = stop.cancelled() => return,
                };
                match outcome {
                    Ok((url, good)) => {
                        failures = 0;
                        urls.send_replace(Some(url));
                        good
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "Redis cannot be opened: each instance counts requests for itself");
                        pause::after(failures, RETRY, RETRY_MAX)
                    }
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = given.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_tests::credential::TestCredential;

    #[test]
    fn a_token_goes_by_tls_and_as_somebody() {
        for (url, is_right) in [
            (
                "rediss://00000000-0000-0000-0000-0000000000b1@redis.example.net:10000",
                true,
            ),
            ("redis://somebody@127.0.0.1:6379", true),
            ("redis://somebody@redis.example.net:6379", false),
            ("rediss://redis.example.net:10000", false),
            ("https://somebody@redis.example.net", false),
            ("rediss:somebody", false),
            ("", false),
        ] {
            assert_eq!(address(url).is_ok(), is_right, "{url}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_token_comes_before_the_last_has_expired() {
        let credential = Arc::new(TestCredential::with("one"));
        let (address, given) = watch::channel(Some("rediss://me@redis.example.net:10000".into()));
        let urls = watch::Sender::new(None);
        let mut seen = urls.subscribe();
        let stop = CancellationToken::new();
        let keeper = tokio::spawn(keep(credential.clone(), given, urls, stop.clone()));

        let mut next = async || {
            seen.changed().await.unwrap();
            seen.borrow_and_update()
                .as_ref()
                .map(|url| url.expose_secret().to_owned())
        };
        assert_eq!(next().await.unwrap(), "rediss://me:one@redis.example.net:10000");
        assert_eq!(credential.scopes(), [SCOPE]);
        // An hour later by the paused clock, which goes on when everybody waits.
        credential.set("two/+", Duration::from_hours(1));
        assert_eq!(next().await.unwrap(), "rediss://me:two%2F+@redis.example.net:10000");
        // Elsewhere: at once.
        address.send_replace(Some("rediss://me@other.example.net:10000".into()));
        assert_eq!(next().await.unwrap(), "rediss://me:two%2F+@other.example.net:10000");
        address.send_replace(None);
        assert_eq!(next().await, None);
        stop.cancel();
        keeper.await.unwrap();
    }
}
