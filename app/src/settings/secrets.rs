//! Secrets. With a Key Vault they come from there, else from here.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use crate::secrets::{self, SecretValues};

static DATABASE_PASSWORD: Setting = Setting::text(
    "DATABASE_PASSWORD",
    None,
    "The database user's password, where `DATABASE_URL` does not hold it. It wins over one that does.",
);
static JWT_KEYS: Setting = Setting::text(
    "JWT_KEYS",
    None,
    "Keys of the tokens that `POST /token` gives: shared secrets of at least 32 bytes (HS256), separated by white space, or private \
     keys in PEM, one after the other (a line break may be written `\\n`). The first signs, all of them are accepted: to rotate, put \
     a new one before the old one.",
);
static WEBHOOK_MASTER_KEY: Setting = Setting::text(
    "WEBHOOK_MASTER_KEY",
    None,
    "Key under which the secrets of webhooks are kept in the database. Nothing needs it while there are no webhooks.",
);
static PAYMENT_WEBHOOK_SECRETS: Setting = Setting::text(
    "PAYMENT_WEBHOOK_SECRETS",
    None,
    "Secrets under which messages to `POST /api/v1/payments/webhook` are signed (Stripe's `whsec_…`), separated by white space: all \
     of them are accepted. Without one there is no such path.",
);
pub(super) static REDIS_URL: Setting = Setting::text(
    "REDIS_URL",
    None,
    "`redis://` or, with TLS, `rediss://[USER:PASSWORD@]HOST[:PORT]`, where instances share what they count. Without it each \
     counts for itself. With `REDIS_AUTHENTICATION=entra` it holds no secret.",
);

pub(super) static GROUP: Group = Group {
    title: "Secrets",
    about: "",
    settings: &[
        &DATABASE_PASSWORD,
        &JWT_KEYS,
        &WEBHOOK_MASTER_KEY,
        &PAYMENT_WEBHOOK_SECRETS,
        &REDIS_URL,
    ],
};

/// The secrets that the settings hold.
pub(super) fn read(source: &mut Source<'_>) -> SecretValues {
    let text = |source: &mut Source<'_>, setting| source.text(setting).map(Into::into);
    let mut values = SecretValues {
        database_password: text(source, &DATABASE_PASSWORD),
        webhook_master_key: text(source, &WEBHOOK_MASTER_KEY),
        ..SecretValues::default()
    };
    if let Some(text) = source.text(&JWT_KEYS) {
        match secrets::jwt_keys(&text) {
            Ok(keys) => values.jwt_keys = keys,
            Err(what) => source.wrong(&JWT_KEYS, what),
        }
    }
    if let Some(text) = source.text(&PAYMENT_WEBHOOK_SECRETS) {
        match secrets::shared_secrets(&text) {
            Ok(secrets) => values.payment_webhook_secrets = secrets,
            Err(what) => source.wrong(&PAYMENT_WEBHOOK_SECRETS, what),
        }
    }
    if let Some(text) = source.text(&REDIS_URL) {
        match secrets::redis_url(&text) {
            Ok(url) => values.redis_url = Some(url),
            Err(what) => source.wrong(&REDIS_URL, what),
        }
    }
    values
}
