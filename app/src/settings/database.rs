//! How to reach the database.

use super::{
    setting::{Group, Setting},
    source::Source,
};

static URL: Setting = Setting::needed(
    "DATABASE_URL",
    "`sqlite:PATH` (one machine, embedded) or `postgres://USER:PASSWORD@HOST/DATABASE`. It switches the engine and nothing else.",
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
    settings: &[&URL, &POOL_MAX, &ACQUIRE_TIMEOUT, &STATEMENT_TIMEOUT, &MIGRATE_ON_START],
};

/// How to connect, and whether to migrate.
pub(super) fn read(source: &mut Source<'_>) -> (inventory_store::Options, bool) {
    let url = source.text(&URL).unwrap_or_default();
    let known = ["postgres://", "postgresql://", "sqlite:"];
    if !url.is_empty() && !known.iter().any(|scheme| url.starts_with(scheme)) {
        source.wrong(&URL, "must start with sqlite: or postgres://");
    }
    let options = inventory_store::Options {
        url,
        password: None,
        connections_max: source.number(&POOL_MAX),
        acquire_timeout: source.seconds(&ACQUIRE_TIMEOUT),
        statement_timeout: source.seconds(&STATEMENT_TIMEOUT),
    };
    (options, source.flag(&MIGRATE_ON_START))
}
