//! How to reach the database.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use inventory_store::{Authentication, Options};

static URL: Setting = Setting::text(
    "DATABASE_URL",
    None,
    "`sqlite:PATH` (one machine, embedded) or `postgres://USER:PASSWORD@HOST/DATABASE`. It switches the engine and nothing else. \
     The program does not start without it, unless there is a Key Vault to hold it. Over a network, PostgreSQL wants \
     `?sslmode=verify-full`: the server proves who it is by a certificate under Mozilla's roots, or under those of the PEM file \
     that `&sslrootcert=` names (all of the machine's: `/etc/ssl/certs/ca-certificates.crt`).",
);
static AUTHENTICATION: Setting = Setting::word(
    "DATABASE_AUTHENTICATION",
    &["password", "entra"],
    "How we prove to PostgreSQL who we are. `entra`: by tokens of our managed identity, without a password; the URL names the \
     identity's role as its user and must say `sslmode=verify-full`.",
);
static POOL_MAX: Setting = Setting::number(
    "DATABASE_POOL_MAX",
    30,
    1..=1_000,
    "Connections to the database at most. All instances together must stay below what the server takes.",
);
static ACQUIRE_TIMEOUT: Setting = Setting::number(
    "DATABASE_ACQUIRE_TIMEOUT_SECONDS",
    5,
    1..=300,
    "How long a request waits for a free connection before it is answered 503.",
);
static STATEMENT_TIMEOUT: Setting = Setting::number(
    "DATABASE_STATEMENT_TIMEOUT_SECONDS",
    30,
    1..=600,
    "How long one statement may run (PostgreSQL), or wait for the database to be free (SQLite).",
);
static MIGRATE_ON_START: Setting = Setting::flag(
    "MIGRATE_ON_START",
    false,
    "Whether to bring the schema up to date before anything else. `true` on a desk; in Azure the pipeline migrates.",
);

pub(super) static GROUP: Group = Group {
    title: "Database",
    about: "",
    settings: &[
        &URL,
        &AUTHENTICATION,
        &POOL_MAX,
        &ACQUIRE_TIMEOUT,
        &STATEMENT_TIMEOUT,
        &MIGRATE_ON_START,
    ],
};

/// How to connect, and whether to migrate.
///
/// Without a URL: an error, unless a Key Vault may hold it.
pub(super) fn read(source: &mut Source<'_>, has_vault: bool) -> (Options, bool) {
    let url = source.text(&URL).unwrap_or_default();
    if url.is_empty() && !has_vault {
        source.wrong(&URL, "is missing");
    }
    let known = ["postgres://", "postgresql://", "sqlite:"];
    if !url.is_empty() && !known.iter().any(|scheme| url.starts_with(scheme)) {
        source.wrong(&URL, "must start with sqlite: or postgres://");
    }
    let authentication = match source.word(&AUTHENTICATION) {
        "entra" => Authentication::Token,
        _ => Authentication::Password,
    };
    let is_proved = url.contains("sslmode=verify-full") || url.contains("sslmode=verify-ca");
    if authentication == Authentication::Token && !url.is_empty() && !is_proved {
        source.wrong(
            &URL,
            "must say sslmode=verify-full: a token goes to nobody who has not proved who he is",
        );
    }
    let options = Options {
        url,
        password: None,
        authentication,
        connections_max: source.number(&POOL_MAX),
        acquire_timeout: source.seconds(&ACQUIRE_TIMEOUT),
        statement_timeout: source.seconds(&STATEMENT_TIMEOUT),
    };
    (options, source.flag(&MIGRATE_ON_START))
}
