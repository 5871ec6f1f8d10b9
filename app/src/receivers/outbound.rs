//! Requests to addresses that somebody has named: to public ones only, exactly to those that were checked, and no further.

use super::address::is_public;
use inventory_domain::delivery::Attempt;
use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, RETRY_AFTER},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// How long a request may take, the answer included: 15 to 30 s, Standard Webhooks says.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are kept of an answer.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Ports of HTTPS.
const PORTS: [u16; 2] = [443, 8443];
/// The longest wait that is granted to who asks for one.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Why an address is no place to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It cannot be read.
    #[error("must be an absolute https:// address")]
    NotAnAddress,
    /// It names a user or a password.
    #[error("must not hold a user or a password")]
    Credentials,
    /// Another port.
    #[error("must have port 443 or 8443")]
    Port,
    /// It is on a network that is not the public internet.
    #[error("must be on the public internet")]
    NotPublic,
}

/// Sends requests to addresses that somebody has named.
pub(crate) struct Outbound {
    /// For work on one machine: plain HTTP, to itself.
    allows_loopback: bool,
    public: OnceLock<Client>,
    loopback: OnceLock<Client>,
}

/// Resolves names, and leaves out the addresses that nothing may be sent to: what is connected to is what was checked.
struct Checked {
    is_loopback: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let is_loopback = self.is_loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<SocketAddr> = found.filter(|found| is_allowed(found.ip(), is_loopback)).collect();
            if good.is_empty() {
                return Err(Refused::NotPublic.into());
            }
            let addresses: Addrs = Box::new(good.into_iter());
            Ok(addresses)
        })
    }
}

fn is_allowed(address: IpAddr, is_loopback: bool) -> bool {
    if is_loopback {
        address.is_loopback()
    } else {
        is_public(address)
    }
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The status, where there was an answer.
    pub(crate) status: Option<u16>,
    /// Why it is no success.
    pub(crate) problem: Option<String>,
    /// The beginning of the answer.
    pub(crate) answer: Option<String>,
    /// How long it took.
    pub(crate) duration: Duration,
    /// How long the receiver wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Sent {
    /// Nothing was sent.
    pub(crate) const fn not_at_all(problem: String) -> Self {
        Self {
            status: None,
            problem: Some(problem),
            answer: None,
            duration: Duration::ZERO,
            retry_after: None,
        }
    }

    /// As it is recorded.
    pub(crate) fn attempt(&self, attempt: i64, at: inventory_domain::Timestamp) -> Attempt {
        Attempt {
            attempt,
            at,
            duration_ms: self.duration.as_millis() as i64,
            status: self.status.map(i64::from),
            problem: self.problem.clone(),
            answer: self.answer.clone(),
        }
    }
}

impl Outbound {
    pub(crate) const fn new(allows_loopback: bool) -> Self {
        Self {
            allows_loopback,
            public: OnceLock::new(),
            loopback: OnceLock::new(),
        }
    }

    /// Whether something may be sent there, as far as can be said without asking for the addresses of a name; which client does it.
    fn look(&self, text: &str) -> Result<(Url, bool), Refused> {
        let url = Url::parse(text).map_err(|_| Refused::NotAnAddress)?;
        let host = url.host_str().ok_or(Refused::NotAnAddress)?;
        let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let may_be_here = literal.map_or(host == "localhost", |address| address.is_loopback());
        if self.allows_loopback && may_be_here && matches!(url.scheme(), "http" | "https") {
            return Ok((url, true));
        }
        if url.scheme() != "https" {
            return Err(Refused::NotAnAddress);
        }
        if literal.is_some_and(|address| !is_public(address)) {
            return Err(Refused::NotPublic);
        }
        if !url.port_or_known_default().is_some_and(|port| PORTS.contains(&port)) {
            return Err(Refused::Port);
        }
        Ok((url, false))
    }

    /// Whether something may be sent there, as far as can be said without asking for the addresses of a name.
    pub(crate) fn check(&self, text: &str) -> Result<Url, Refused> {
        self.look(text).map(|(url, _)| url)
    }

    fn client(&self, is_loopback: bool) -> Result<&Client, reqwest::Error> {
        let place = if is_loopback { &self.loopback } else { &self.public };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Wherever it points was not checked.
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve names itself.
            .no_proxy()
            .dns_resolver(Checked { is_loopback })
            .user_agent(concat!("inventory/", env!("CARGO_PKG_VERSION")))
            .build()?;
        // Two that come at once both make one; the first stays.
        Ok(place.get_or_init(|| client))
    }

    /// Posts a body.
    pub(crate) async fn post(&self, url: &str, headers: HeaderMap, body: String) -> Sent {
        let began = Instant::now();
        let (url, is_loopback) = match self.look(url) {
            Ok(found) => found,
            Err(refused) => return Sent::not_at_all(format!("the address {refused}")),
        };
        let sent = async {
            let request = self.client(is_loopback)?.post(url).headers(headers).body(body);
            let mut response = request.send().await?;
            let status = response.status();
            let retry_after = retry_after(response.headers(), SystemTime::now());
            let mut answer = Vec::new();
            while answer.len() < ANSWER_BYTES_MAX {
                match response.chunk().await {
                    Ok(Some(part)) => {
                        let room = ANSWER_BYTES_MAX - answer.len();
                        answer.extend_from_slice(&part[..part.len().min(room)]);
                    }
                    // The status has said what became of it.
                    Ok(None) | Err(_) => break,
                }
            }
            Ok((status, retry_after, answer))
        };
        match sent.await {
            Ok((status, retry_after, answer)) => Sent {
                status: Some(status.as_u16()),
                problem: (!status.is_success()).then(|| match status.as_u16() {
                    300..400 => "the receiver points elsewhere, which is not followed".to_owned(),
                    _ => format!("the receiver answers {status}"),
                }),
                answer: Some(printable(&answer)).filter(|text| !text.is_empty()),
                duration: began.elapsed(),
                retry_after,
            },
            Err(error) => Sent {
                duration: began.elapsed(),
                ..Sent::not_at_all(why(&error))
            },
        }
    }
}

/// Text that can be kept and shown: PostgreSQL has no NUL.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c })
        .collect()
}

/// Why there was no answer, without the address, which may be a secret.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut source = std::error::Error::source(error);
    let mut last = None;
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return format!("the address {refused}");
        }
        last = Some(cause.to_string());
        source = cause.source();
    }
    let what = if error.is_connect() {
        "no connection"
    } else {
        "no answer"
    };
    last.map_or_else(|| what.to_owned(), |last| format!("{what}: {last}"))
}

/// `Retry-After`, in seconds or as a time (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let format = time::macros::format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let at = time::PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
        SystemTime::from(at).duration_since(now).ok()?
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_looked_at_before_they_are_kept() {
        let (strict, local) = (Outbound::new(false), Outbound::new(true));
        for good in [
            "https://example.org/hook",
            "https://example.org:8443/hook?a=b",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]/",
        ] {
            assert!(strict.check(good).is_ok() && local.check(good).is_ok(), "{good}");
        }
        for (hostile, why) in [
            ("", Refused::NotAnAddress),
            ("example.org/hook", Refused::NotAnAddress),
            ("http://example.org/", Refused::NotAnAddress),
            ("ftp://example.org/", Refused::NotAnAddress),
            ("file:///etc/passwd", Refused::NotAnAddress),
            ("gopher://127.0.0.1:6379/_", Refused::NotAnAddress),
            ("https://user@example.org/", Refused::Credentials),
            ("https://user:password@example.org/", Refused::Credentials),
            ("https://example.org:22/", Refused::Port),
            ("https://example.org:6379/", Refused::Port),
            ("https://127.0.0.1:443@10.0.0.1/", Refused::Credentials),
            ("https://10.0.0.1/", Refused::NotPublic),
            ("https://169.254.169.254/metadata/instance", Refused::NotPublic),
            ("https://168.63.129.16/", Refused::NotPublic),
            // The same, as other ways to write it.
            ("https://2852039166/", Refused::NotPublic),
            ("https://0xa9fea9fe/", Refused::NotPublic),
            ("https://0251.0376.0251.0376/", Refused::NotPublic),
            ("https://10.1/", Refused::NotPublic),
            ("https://[::ffff:10.0.0.1]/", Refused::NotPublic),
            ("https://[64:ff9b::a00:1]/", Refused::NotPublic),
            ("https://[fd00:ec2::254]/", Refused::NotPublic),
        ] {
            assert_eq!(strict.check(hostile).unwrap_err(), why, "{hostile}");
            assert_eq!(local.check(hostile).unwrap_err(), why, "{hostile}");
        }
        for here in ["http://127.0.0.1:9/", "http://localhost:9/hook", "https://[::1]:9/"] {
            assert!(strict.check(here).is_err() && local.check(here).is_ok(), "{here}");
        }
    }

    #[tokio::test]
    async fn names_are_checked_after_they_are_resolved_and_nothing_is_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = Outbound::new(false);
        // As the request would be made if the port were one of those that are allowed.
        let error = client
            .client(false)
            .unwrap()
            .post(format!("http://localhost:{port}/"))
            .send()
            .await
            .unwrap_err();
        assert_eq!(why(&error), "the address must be on the public internet");
        let sent = client.post("https://localhost/", HeaderMap::new(), String::new()).await;
        assert_eq!(
            sent.problem.as_deref(),
            Some("the address must be on the public internet")
        );
        // One that came would be in the queue already.
        let nobody = std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context).is_pending()));
        assert!(nobody.await, "nobody came");
    }

    #[test]
    fn whoever_asks_to_be_left_alone_is_for_a_day_at_most() {
        let now = SystemTime::from(time::macros::datetime!(2026-01-05 09:30:00 UTC));
        let after = |text: &str| {
            let headers = [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
            retry_after(&headers, now)
        };
        assert_eq!(after("120"), Some(Duration::from_mins(2)));
        assert_eq!(after("Mon, 05 Jan 2026 09:31:00 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(after("99999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(after("Mon, 05 Jan 2026 09:29:00 GMT"), None);
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn answers_are_text_that_can_be_kept() {
        assert_eq!(printable(b"a\0b\x1b[0m\n\xff"), "a\u{FFFD}b\u{FFFD}[0m\n\u{FFFD}");
    }
}
