//! `inventory secrets`

mod password;
mod settings_file;

use crate::{
    ALL_WELL, NEEDS_ATTENTION,
    args::{KeyAlgorithm, Secrets as Command},
    backup::Place,
    database,
    failure::Failure,
    output::Output,
};
use inventory_app::{
    Azure, Settings,
    identity::accounts::generated_password,
    secrets::{ExposeSecret as _, Secret, SecretString, State, Vault},
};
use serde_json::json;
use std::{fmt::Write as _, path::Path};

pub(crate) async fn run(url: Option<&str>, command: &Command, output: Output) -> Result<u8, Failure> {
    let settings = Settings::for_cli(url)?;
    let azure = Azure::new(&settings);
    let vault = Vault::of(&settings, azure)
        .ok_or_else(|| Failure::Input("AZURE_KEYVAULT_URL is not set: there is no vault to work on".to_owned()))?;
    match command {
        Command::List => list(&vault, output).await,
        Command::Rotate {
            secret,
            algorithm,
            role,
        } => {
            let database = match role {
                Some(role) if *secret == Secret::DatabasePassword => {
                    Some((Box::pin(server(settings)).await?, role.as_str()))
                }
                _ => None,
            };
            rotate(&vault, *secret, *algorithm, database, output).await
        }
        Command::Sync { file } => sync(&vault, file, output).await,
    }
}

async fn list(vault: &Vault, output: Output) -> Result<u8, Failure> {
    let mut states = Vec::new();
    for secret in Secret::ALL {
        states.push(vault.state(secret).await?);
    }
    let is_well = states.iter().all(|state| state.versions == 0 || state.is_good);
    output.result(&states, || {
        states.iter().fold(String::new(), |mut text, state| {
            let _ = writeln!(text, "{:<20} {}", state.name, described(state));
            text
        })
    })?;
    Ok(if is_well { ALL_WELL } else { NEEDS_ATTENTION })
}

fn described(state: &State) -> String {
    if state.versions == 0 {
        return "not there: the setting counts, if it is set".to_owned();
    }
    let goodness = if state.is_good {
        "good"
    } else {
        "disabled or expired: the handler cannot read it"
    };
    let created = state.created_at.map(|at| format!(", since {at}")).unwrap_or_default();
    let expires = state.expires_at.map(|at| format!(", until {at}")).unwrap_or_default();
    let versions = state.versions;
    format!("{goodness}, versions: {versions}{created}{expires}")
}

/// The database server that `--database-url` or the settings name, for whom passwords are changed.
async fn server(mut settings: Settings) -> Result<Place, Failure> {
    // The vault's password is the one that changes, and of somebody else.
    settings.azure.key_vault = None;
    let app = database::open_server(settings).await?;
    let place = Place::of(&app);
    app.shutdown().await;
    place
}

async fn rotate(
    vault: &Vault,
    secret: Secret,
    algorithm: Option<KeyAlgorithm>,
    database: Option<(Place, &str)>,
    output: Output,
) -> Result<u8, Failure> {
    match secret {
        Secret::JwtKeys => {
            let current = vault.get(secret).await?;
            vault.put(secret, &key(current.as_ref(), algorithm)?).await?;
        }
        Secret::DatabasePassword => {
            let Some((Place::Postgres(server), role)) = database else {
                return Err(Failure::Input("only PostgreSQL has passwords".to_owned()));
            };
            let new = generated()?;
            // First where it is kept: a password that only the database knows would be lost with this process.
            vault.put(secret, &new).await?;
            password::change(&server, role, &new).await?;
        }
        Secret::WebhookMasterKey => {
            if vault.get(secret).await?.is_some() {
                return Err(Failure::Refused(format!(
                    "{secret} is there: what is sealed under it could not be opened with another"
                )));
            }
            vault.put(secret, &generated()?).await?;
        }
        Secret::PaymentWebhookSecrets => {
            return Err(Failure::Input(format!(
                "{secret} are made by who signs the messages: az keyvault secret set, the new one beside the old one"
            )));
        }
        Secret::DatabaseUrl | Secret::RedisUrl => {
            return Err(Failure::Input(format!(
                "{secret} is an address, which nobody can make up: az keyvault secret set"
            )));
        }
    }
    output.result(&json!({ "rotated": secret.name() }), || {
        format!("{secret} has a new version; running handlers take it over with their next look into the vault")
    })?;
    Ok(ALL_WELL)
}

/// A text that nobody can guess.
fn generated() -> Result<SecretString, Failure> {
    Ok(generated_password()?.expose().to_owned().into())
}

/// A new key of tokens; of the kind that the current one is, where nobody says which.
fn key(current: Option<&SecretString>, algorithm: Option<KeyAlgorithm>) -> Result<SecretString, Failure> {
    let is_private = current.is_some_and(|current| current.expose_secret().contains("-----BEGIN "));
    match algorithm.unwrap_or(if is_private {
        KeyAlgorithm::Es256
    } else {
        KeyAlgorithm::Hs256
    }) {
        KeyAlgorithm::Hs256 => generated(),
        KeyAlgorithm::Es256 => {
            let key = rcgen::KeyPair::generate().map_err(|error| Failure::Internal(error.to_string()))?;
            Ok(key.serialize_pem().into())
        }
    }
}

async fn sync(vault: &Vault, file: &Path, output: Output) -> Result<u8, Failure> {
    let mut values = Vec::new();
    for secret in Secret::ALL {
        if let Some(value) = vault.get(secret).await? {
            values.push((secret.setting(), value));
        }
    }
    let changed = settings_file::write(file, &values)?;
    output.result(&json!({ "file": file, "changed": changed }), || {
        if changed.is_empty() {
            format!("{} has what the vault holds", file.display())
        } else {
            format!("{}: {} from the vault", file.display(), changed.join(", "))
        }
    })?;
    Ok(ALL_WELL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_kind_that_is_there() {
        let new = |current: Option<&str>, algorithm| {
            let current = current.map(SecretString::from);
            key(current.as_ref(), algorithm).unwrap().expose_secret().to_owned()
        };
        assert_eq!(new(None, None).len(), 64);
        assert!(new(Some("-----BEGIN PRIVATE KEY-----"), None).starts_with("-----BEGIN PRIVATE KEY-----"));
        assert!(new(Some("words"), Some(KeyAlgorithm::Es256)).starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_ne!(new(None, None), new(None, None));
    }
}
