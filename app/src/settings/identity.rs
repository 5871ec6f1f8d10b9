//! Who may do anything: accounts of our own, an issuer of tokens, or (for local work) everybody.

use super::{
    Reader,
    setting::{Group, Setting},
    source::Source,
};
use crate::{
    identity::keys,
    secrets::{SecretString, SecretValues},
};
use inventory_domain::Role;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// The least length of [`METRICS_TOKEN`]: nobody counts who tries.
const METRICS_TOKEN_BYTES_MIN: usize = 32;

static ISSUER: Setting = Setting::text(
    "JWT_ISSUER",
    Some("inventory"),
    "Issuer (`iss`) of the tokens that `POST /token` gives.",
);
static AUDIENCE: Setting = Setting::text(
    "JWT_AUDIENCE",
    Some("inventory"),
    "Audience (`aud`) of the tokens that `POST /token` gives. Environments that share a key must differ here.",
);
static TOKEN_LIFETIME: Setting = Setting::number(
    "TOKEN_LIFETIME_SECONDS",
    900,
    60..=86_400,
    "How long a token is good that `POST /token` gives.",
);
static CACHE: Setting = Setting::number(
    "ACCOUNT_CACHE_SECONDS",
    5,
    0..=60,
    "How long it may take until a token, account or API key that was revoked is refused everywhere. With 0 the database is asked \
     with each request.",
);
static ENTRA_ISSUER: Setting = Setting::text(
    "ENTRA_ISSUER",
    None,
    "Whose tokens are accepted too: `https://login.microsoftonline.com/TENANT/v2.0`, or any other issuer of OpenID Connect.",
);
static ENTRA_AUDIENCE: Setting = Setting::text(
    "ENTRA_AUDIENCE",
    None,
    "Audience of the issuer's tokens: the client id of the application that stands for this API. Needed with `ENTRA_ISSUER`.",
);
static ENTRA_JWKS_URL: Setting = Setting::text(
    "ENTRA_JWKS_URL",
    None,
    "Where the issuer's keys are. Without it the issuer's configuration says it (`/.well-known/openid-configuration`).",
);
static ENTRA_ROLE_MAP: Setting = Setting::text(
    "ENTRA_ROLE_MAP",
    None,
    "Which role of ours an application role of the issuer is: `Inventory.Read=viewer,Inventory.Admin=admin`. Without it they have \
     the same names.",
);
static METRICS_TOKEN: Setting = Setting::text(
    "METRICS_TOKEN",
    None,
    "Token with which `/metrics`, and nothing else, may be read (`Authorization: Bearer`): at least 32 bytes, for a scraper that must \
     be answered while the database cannot be asked who anybody is. Without it the metrics are for viewers.",
);
static FUNCTIONS_ENVIRONMENT: Setting = Setting::platform(
    "AZURE_FUNCTIONS_ENVIRONMENT",
    "`Development` when a Functions host on a desk has started the handler. Work without accounts needs it, with \
     `ENVIRONMENT=local` and neither `JWT_KEYS` nor `ENTRA_ISSUER`.",
);
/// What Azure and Kubernetes set. Wherever one of these is there, work without accounts is not.
static ELSEWHERE: [Setting; 4] = [
    Setting::platform("WEBSITE_INSTANCE_ID", "Set in Azure: no work without accounts."),
    Setting::platform("WEBSITE_SITE_NAME", "Set in Azure: no work without accounts."),
    Setting::platform("CONTAINER_NAME", "Set in Azure: no work without accounts."),
    Setting::platform(
        "KUBERNETES_SERVICE_HOST",
        "Set in Kubernetes: no work without accounts.",
    ),
];

pub(super) static GROUP: Group = Group {
    title: "Identity",
    about: "Every request but those for signs of life and documents needs a token or an API key. Tokens come from `POST /token` \
            (with `JWT_KEYS`, see above), from Entra ID (`ENTRA_ISSUER`), or from both. Without either the program starts for \
            local work only, and then everybody may do everything.",
    settings: &[
        &ISSUER,
        &AUDIENCE,
        &TOKEN_LIFETIME,
        &CACHE,
        &ENTRA_ISSUER,
        &ENTRA_AUDIENCE,
        &ENTRA_JWKS_URL,
        &ENTRA_ROLE_MAP,
        &METRICS_TOKEN,
        &FUNCTIONS_ENVIRONMENT,
        &ELSEWHERE[0],
        &ELSEWHERE[1],
        &ELSEWHERE[2],
        &ELSEWHERE[3],
    ],
};

/// Who may do anything.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Whether everybody may do everything: local work without accounts.
    pub is_open: bool,
    /// Issuer of our tokens.
    pub issuer: String,
    /// Audience of our tokens.
    pub audience: String,
    /// How long our tokens are good.
    pub token_lifetime: Duration,
    /// How long the state of an account or API key may be kept.
    pub cache_time: Duration,
    /// Another issuer whose tokens are accepted.
    pub entra: Option<EntraSettings>,
    /// What a scraper of metrics shows.
    pub metrics_token: Option<SecretString>,
}

/// An issuer of tokens.
#[derive(Clone, Debug)]
pub struct EntraSettings {
    /// Its name, which is a URL.
    pub issuer: String,
    /// Whom its tokens are for: us.
    pub audience: String,
    /// Where its keys are; else its configuration says it.
    pub jwks_url: Option<String>,
    /// Our roles by its; `None`: they have the same names.
    roles: Option<BTreeMap<String, Role>>,
}

impl EntraSettings {
    /// Our role for one of the issuer's.
    pub fn role(&self, name: &str) -> Option<Role> {
        match &self.roles {
            Some(roles) => roles.get(name).copied(),
            None => Role::grantable(name),
        }
    }
}

/// Whether a URL has TLS, or never leaves this machine.
pub(crate) fn is_safe_url(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url))
}

/// Whether it is on this machine.
pub(crate) fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
        host == "localhost" || ip.is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

/// Whether the process runs in Azure or Kubernetes, where others stand between it and its clients.
pub(super) fn is_elsewhere(source: &mut Source<'_>) -> bool {
    // All are asked, so that all are known.
    ELSEWHERE
        .iter()
        .filter(|setting| source.text(setting).is_some())
        .count()
        > 0
}

fn roles(text: &str) -> Option<BTreeMap<String, Role>> {
    text.split(',')
        .map(|pair| {
            let (theirs, ours) = pair.split_once('=')?;
            let theirs = theirs.trim();
            (!theirs.is_empty()).then_some(())?;
            Some((theirs.to_owned(), Role::grantable(ours.trim())?))
        })
        .collect()
}

fn entra(source: &mut Source<'_>) -> Option<EntraSettings> {
    let (issuer, audience) = (source.text(&ENTRA_ISSUER), source.text(&ENTRA_AUDIENCE));
    let (jwks_url, role_map) = (source.text(&ENTRA_JWKS_URL), source.text(&ENTRA_ROLE_MAP));
    let roles = role_map.as_deref().map(roles);
    if matches!(roles, Some(None)) {
        source.wrong(
            &ENTRA_ROLE_MAP,
            "must be pairs such as Inventory.Read=viewer, with the roles viewer, clerk, manager and admin",
        );
    }
    for (setting, url) in [(&ENTRA_ISSUER, &issuer), (&ENTRA_JWKS_URL, &jwks_url)] {
        if url.as_deref().is_some_and(|url| !is_safe_url(url)) {
            source.wrong(setting, "must be a URL with https (http on this machine only)");
        }
    }
    if issuer.is_some() != audience.is_some() {
        source.wrong(&ENTRA_AUDIENCE, "and ENTRA_ISSUER need each other");
    }
    Some(EntraSettings {
        issuer: issuer?,
        audience: audience?,
        jwks_url,
        roles: roles.flatten(),
    })
}

/// `may_sign`: there are keys for tokens of our own, or will be.
pub(super) fn read(
    source: &mut Source<'_>,
    reader: Reader,
    environment: &str,
    secrets: &SecretValues,
    has_vault: bool,
) -> Identity {
    if let Err(what) = keys::check(&secrets.jwt_keys) {
        source.wrong.push(format!("JWT_KEYS {what}"));
    }
    let metrics_token = source.text(&METRICS_TOKEN);
    if metrics_token
        .as_ref()
        .is_some_and(|token| token.len() < METRICS_TOKEN_BYTES_MIN)
    {
        source.wrong(
            &METRICS_TOKEN,
            format_args!("must have at least {METRICS_TOKEN_BYTES_MIN} bytes"),
        );
    }
    let may_sign = has_vault || !secrets.jwt_keys.is_empty();
    let entra = entra(source);
    let is_development = source
        .text(&FUNCTIONS_ENVIRONMENT)
        .is_some_and(|name| name.eq_ignore_ascii_case("Development"));
    let is_elsewhere = is_elsewhere(source);
    let is_local = environment == "local" && is_development && !is_elsewhere;
    let has_accounts = may_sign || entra.is_some();
    if !has_accounts && !is_local && reader == Reader::Handler {
        source.wrong.push(
            "JWT_KEYS or ENTRA_ISSUER is missing: nobody could say who they are. Work without accounts is for a desk only: \
             ENVIRONMENT=local, started by a Functions host with AZURE_FUNCTIONS_ENVIRONMENT=Development, and neither in Azure \
             nor in Kubernetes"
                .to_owned(),
        );
    }
    Identity {
        is_open: is_local && !has_accounts,
        issuer: source.text(&ISSUER).unwrap_or_default(),
        audience: source.text(&AUDIENCE).unwrap_or_default(),
        token_lifetime: source.seconds(&TOKEN_LIFETIME),
        cache_time: source.seconds(&CACHE),
        entra,
        metrics_token: metrics_token.map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use inventory_domain::Role;

    /// Whether everybody is let in; `Err`: what is wrong.
    fn open(settings: &[(&str, &str)]) -> Result<bool, String> {
        let usual = [
            ("DATABASE_URL", "sqlite:x.db"),
            (
                "ServiceBusConnection",
                "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
            ),
        ];
        let values = usual.iter().chain(settings);
        let values = values
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        match Settings::from_values(&values) {
            Ok(settings) => Ok(settings.identity.is_open),
            Err(error) => Err(error.to_string()),
        }
    }

    const DESK: (&str, &str) = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    const KEY: (&str, &str) = ("JWT_KEYS", "hunter2hunter2hunter2hunter2hunter2");

    #[test]
    fn work_without_accounts_is_for_a_desk_only() {
        assert_eq!(open(&[DESK]), Ok(true));
        assert_eq!(open(&[DESK, ("ENVIRONMENT", "local")]), Ok(true));
        assert_eq!(open(&[DESK, KEY]), Ok(false), "who sets a key wants accounts");
        for settings in [
            &[][..],
            &[("AZURE_FUNCTIONS_ENVIRONMENT", "Production")],
            &[DESK, ("ENVIRONMENT", "production")],
            &[DESK, ("WEBSITE_INSTANCE_ID", "x")],
            &[DESK, ("WEBSITE_SITE_NAME", "x")],
            &[DESK, ("CONTAINER_NAME", "x")],
            &[DESK, ("KUBERNETES_SERVICE_HOST", "x")],
        ] {
            let wrong = open(settings).unwrap_err();
            assert!(
                wrong.contains("JWT_KEYS or ENTRA_ISSUER is missing"),
                "{settings:?}: {wrong}"
            );
            assert_eq!(open(&[settings, &[KEY]].concat()), Ok(false), "{settings:?}");
        }
    }

    #[test]
    fn keys_and_issuers_are_checked_and_not_shown() {
        let entra = ("ENTRA_ISSUER", "https://login.example/tenant");
        let audience = ("ENTRA_AUDIENCE", "api");
        assert_eq!(open(&[entra, audience]), Ok(false));
        for (settings, name) in [
            (&[entra][..], "ENTRA_AUDIENCE"),
            (&[KEY, audience], "ENTRA_AUDIENCE"),
            (&[audience, ("ENTRA_ISSUER", "http://login.example")], "ENTRA_ISSUER"),
            (&[audience, ("ENTRA_ISSUER", "login.example")], "ENTRA_ISSUER"),
            (
                &[entra, audience, ("ENTRA_JWKS_URL", "http://login.example/keys")],
                "ENTRA_JWKS_URL",
            ),
            (&[entra, audience, ("ENTRA_ROLE_MAP", "A=root")], "ENTRA_ROLE_MAP"),
            (&[entra, audience, ("ENTRA_ROLE_MAP", "=admin")], "ENTRA_ROLE_MAP"),
            (&[KEY, ("METRICS_TOKEN", "hunter2")], "METRICS_TOKEN"),
            (
                &[(
                    "JWT_KEYS",
                    "-----BEGIN PRIVATE KEY-----\nhunter2hunter2hunter2\n-----END PRIVATE KEY-----",
                )],
                "JWT_KEYS",
            ),
        ] {
            let wrong = open(settings).unwrap_err();
            assert!(wrong.contains(name), "{settings:?}: {wrong}");
            assert!(!wrong.contains("hunter2"), "{wrong}");
        }
        assert_eq!(open(&[audience, ("ENTRA_ISSUER", "http://127.0.0.1:8080")]), Ok(false));
    }

    #[test]
    fn roles_of_an_issuer_have_our_names_unless_it_is_said() {
        let roles = super::roles("Inventory.Read=viewer, Inventory.Admin = admin").unwrap();
        assert_eq!(roles.get("Inventory.Admin"), Some(&Role::Admin));
        assert_eq!(roles.len(), 2);
        assert_eq!(super::roles("A=public"), None);
    }
}
