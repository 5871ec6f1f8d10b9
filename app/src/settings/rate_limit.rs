//! How often a client may ask, and who a client is.

use super::{
    Reader, identity,
    secrets::REDIS_URL,
    setting::{Group, Setting},
    source::Source,
};
use crate::{rate_limit::Policy, redis_token};
use std::time::Duration;

static ENABLED: Setting = Setting::flag(
    "RATE_LIMIT_ENABLED",
    false,
    "Whether requests are limited by client: the principal, else the address. Set it to `true` in Azure. Signs of life \
     (`/health`, `/ready`, `/live`) and invocations by the host are never limited.",
);
static REQUESTS: Setting = Setting::number(
    "RATE_LIMIT_REQUESTS",
    100,
    1..=1_000_000,
    "Requests that a client may make in a window; more are answered 429 with `Retry-After`.",
);
static WINDOW: Setting = Setting::number("RATE_LIMIT_WINDOW", 60, 1..=86_400, "The window, in seconds.");
static REDIS_AUTHENTICATION: Setting = Setting::word(
    "REDIS_AUTHENTICATION",
    &["password", "entra"],
    "How we prove to Redis who we are. `entra`: by tokens of our managed identity (Azure Managed Redis), without a password; \
     `REDIS_URL` is then `rediss://OBJECT-ID@HOST:PORT`, with the identity's object id as its user.",
);
static REDIS_TIMEOUT: Setting = Setting::number(
    "REDIS_TIMEOUT_MILLISECONDS",
    50,
    1..=1_000,
    "How long a request waits for Redis (`REDIS_URL`), which counts for all instances. When Redis takes longer or is away, each \
     instance counts for itself.",
);
static CLIENT_IP_HEADER: Setting = Setting::text(
    "CLIENT_IP_HEADER",
    None,
    "The header in which the client's address comes, for limits and the audit trail: one that the proxy in front sets and a client \
     cannot (`Client-IP` behind App Service's front end, `X-Azure-ClientIP` behind Front Door). Without it the address is that of the \
     host's peer, which in Azure is the front end and the same for everybody: all who have not signed in would share one limit. So \
     with `RATE_LIMIT_ENABLED` it is needed in Azure and Kubernetes: `X-Forwarded-For` where nothing stands in front of the host.",
);
static CLIENT_IP_HOP: Setting = Setting::number(
    "CLIENT_IP_HOP",
    1,
    1..=16,
    "Where that header is a list: which entry counts, from the right. 1 is what the last proxy wrote; what is further left than \
     your own proxies is the client's word and worth nothing.",
);

pub(super) static GROUP: Group = Group {
    title: "Rate limits",
    about: "",
    settings: &[
        &ENABLED,
        &REQUESTS,
        &WINDOW,
        &REDIS_AUTHENTICATION,
        &REDIS_TIMEOUT,
        &CLIENT_IP_HEADER,
        &CLIENT_IP_HOP,
    ],
};

/// How often a client may ask, and who a client is.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// Whether requests are limited.
    pub is_enabled: bool,
    /// How many, and in how long.
    pub policy: Policy,
    /// Whether Redis is opened by tokens of Entra ID.
    pub has_redis_token: bool,
    /// How long a request waits for Redis.
    pub redis_timeout: Duration,
    /// The header with the client's address; a valid name in small letters.
    pub client_ip_header: Option<String>,
    /// Which entry of a list in it counts, from the right, from 1.
    pub client_ip_hop: usize,
}

pub(super) fn read(source: &mut Source<'_>, reader: Reader) -> RateLimit {
    let is_enabled = source.flag(&ENABLED);
    let header = source.text(&CLIENT_IP_HEADER).map(|name| name.to_ascii_lowercase());
    if header.as_deref().is_some_and(|name| !is_header_name(name)) {
        source.wrong(&CLIENT_IP_HEADER, "must be the name of a header");
    }
    if is_enabled && header.is_none() && reader == Reader::Handler && identity::is_elsewhere(source) {
        source.wrong(
            &CLIENT_IP_HEADER,
            "is missing and RATE_LIMIT_ENABLED is true: behind a proxy, all who have not signed in would share one limit, and one of \
             them could use it up for everybody",
        );
    }
    let has_redis_token = source.word(&REDIS_AUTHENTICATION) == "entra";
    if let Some(url) = source.text(&REDIS_URL).filter(|_| has_redis_token)
        && let Err(what) = redis_token::address(&url)
    {
        source.wrong(&REDIS_URL, what);
    }
    RateLimit {
        has_redis_token,
        is_enabled,
        policy: Policy {
            requests: source.number(&REQUESTS),
            window: source.seconds(&WINDOW),
        },
        redis_timeout: Duration::from_millis(u64::from(source.number(&REDIS_TIMEOUT))),
        client_ip_header: header,
        client_ip_hop: source.number(&CLIENT_IP_HOP) as usize,
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_header_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_header_has_a_name() {
        for (given, expected) in [("X-Azure-ClientIP", Ok("x-azure-clientip")), ("two words", Err(1))] {
            let values = BTreeMap::from([("CLIENT_IP_HEADER".to_owned(), given.to_owned())]);
            let mut source = Source::new(&values);
            let read = read(&mut source, Reader::Handler);
            let found = match source.wrong.len() {
                0 => Ok(read.client_ip_header.unwrap()),
                wrong => Err(wrong),
            };
            assert_eq!(found, expected.map(str::to_owned));
        }
    }

    #[test]
    fn clients_that_nobody_can_tell_apart_share_no_limit() {
        let enabled = ("RATE_LIMIT_ENABLED", "true");
        let azure = ("WEBSITE_INSTANCE_ID", "1");
        for (pairs, reader, is_fine) in [
            (&[enabled, azure][..], Reader::Handler, false),
            (
                &[enabled, ("KUBERNETES_SERVICE_HOST", "10.0.0.1")],
                Reader::Handler,
                false,
            ),
            (&[enabled, azure], Reader::Tool, true),
            (
                &[enabled, azure, ("CLIENT_IP_HEADER", "Client-IP")],
                Reader::Handler,
                true,
            ),
            (&[enabled], Reader::Handler, true),
            (&[azure], Reader::Handler, true),
        ] {
            let values: BTreeMap<_, _> = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let mut source = Source::new(&values);
            read(&mut source, reader);
            assert_eq!(source.wrong.is_empty(), is_fine, "{pairs:?}: {:?}", source.wrong);
            assert!(source.wrong.iter().all(|wrong| wrong.starts_with("CLIENT_IP_HEADER")));
        }
    }
}
