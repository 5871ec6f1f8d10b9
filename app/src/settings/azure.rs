//! Where secrets come from, and who we are to Azure.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use inventory_azure::VaultUrl;
use std::time::Duration;

static URL: Setting = Setting::text(
    "AZURE_KEYVAULT_URL",
    None,
    "`https://NAME.vault.azure.net`: secrets come from this Key Vault, by managed identity (on a desk: by the login of the Azure \
     CLI). What it holds wins over the setting of the same name, and may change while the program runs.",
);
static REFRESH: Setting = Setting::number(
    "KEYVAULT_REFRESH_SECONDS",
    300,
    10..=86_400,
    "How often the Key Vault is asked again, give or take a tenth. It is asked at once when the database refuses a password or a \
     token is signed with an unknown key.",
);
static CLIENT_ID: Setting = Setting::text(
    "AZURE_CLIENT_ID",
    None,
    "The client id of a user-assigned managed identity (Key Vault, database). Without it the app's own identity is used.",
);

pub(super) static GROUP: Group = Group {
    title: "Azure",
    about: "In the Key Vault a secret is named as its setting is, in lower case and with `-` for `_`: `database-url`, \
            `database-password`, `jwt-keys`, `webhook-master-key`, `payment-webhook-secrets`, `redis-url`. The identity needs the role *Key Vault Secrets User*. \
            Of `jwt-keys` the version before the current one stays accepted while it is enabled and has not expired: a new version \
            is all that a rotation takes; disable the old one to stop its tokens at once.",
    settings: &[&URL, &REFRESH, &CLIENT_ID],
};

/// Who we are to Azure, and where secrets come from.
#[derive(Clone, Debug)]
pub struct Azure {
    /// Where secrets come from; `None`: from the settings.
    pub key_vault: Option<VaultUrl>,
    /// How often they are read again.
    pub key_vault_refresh: Duration,
    /// The client id of a user-assigned identity.
    pub client_id: Option<String>,
}

pub(super) fn read(source: &mut Source<'_>) -> Azure {
    let key_vault = source.text(&URL).and_then(|text| match text.parse() {
        Ok(url) => Some(url),
        Err(error) => {
            source.wrong(&URL, error);
            None
        }
    });
    Azure {
        key_vault,
        key_vault_refresh: source.seconds(&REFRESH),
        client_id: source.text(&CLIENT_ID),
    }
}
