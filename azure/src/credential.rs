//! Who we are to Azure's services: a managed identity there, the developer's own login on a desk.

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::ClientOptions,
};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;

/// How long getting one token may take, all attempts together. A command-line tool on a desk needs seconds.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// A credential for Azure's services, chosen from the environment when the first token is asked for:
///
/// - workload identity where `AZURE_FEDERATED_TOKEN_FILE` names a token (AKS);
/// - managed identity where `IDENTITY_ENDPOINT` (or its older form) is there: Functions, App Service, Container Apps. With
///   `client_id` the user-assigned one, else the system's;
/// - else the login of the Azure CLI or the Azure Developer CLI.
///
/// It holds the tokens it got until five minutes before they expire (on a desk: asks the tool each time).
pub fn credential(client_id: Option<&str>) -> Arc<dyn TokenCredential> {
    Arc::new(LazyCredential {
        client_id: client_id.map(str::to_owned),
        chosen: OnceCell::new(),
    })
}

#[derive(Debug)]
struct LazyCredential {
    client_id: Option<String>,
    chosen: OnceCell<Arc<dyn TokenCredential>>,
}

impl LazyCredential {
    fn choose(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let client_options = ClientOptions {
            transport: Some(crate::transport::shared()?),
            ..ClientOptions::default()
        };
        let client_id = self.client_id.clone();
        Ok(match Kind::of(|name| std::env::var_os(name).is_some()) {
            Kind::WorkloadIdentity => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id,
                ..WorkloadIdentityCredentialOptions::default()
            }))?,
            Kind::ManagedIdentity => ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.map(UserAssignedId::ClientId),
                client_options,
            }))?,
            Kind::DeveloperTools => DeveloperToolsCredential::new(None)?,
        })
    }
}

#[async_trait::async_trait]
impl TokenCredential for LazyCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = async {
            let credential = self.chosen.get_or_try_init(async || self.choose()).await?;
            credential.get_token(scopes, options).await
        };
        tokio::time::timeout(TOKEN_TIMEOUT, token).await.unwrap_or_else(|_| {
            let seconds = TOKEN_TIMEOUT.as_secs();
            Err(azure_core::Error::with_message(
                ErrorKind::Credential,
                format!("no token within {seconds} s"),
            ))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WorkloadIdentity,
    ManagedIdentity,
    DeveloperTools,
}

impl Kind {
    fn of(is_set: impl Fn(&str) -> bool) -> Self {
        if is_set("AZURE_FEDERATED_TOKEN_FILE") {
            Self::WorkloadIdentity
        } else if is_set("IDENTITY_ENDPOINT") || is_set("MSI_ENDPOINT") {
            Self::ManagedIdentity
        } else {
            Self::DeveloperTools
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_which_credential() {
        let kind = |set: &'static [&'static str]| Kind::of(move |name| set.contains(&name));
        assert_eq!(kind(&[]), Kind::DeveloperTools);
        assert_eq!(kind(&["IDENTITY_ENDPOINT", "IDENTITY_HEADER"]), Kind::ManagedIdentity);
        assert_eq!(kind(&["MSI_ENDPOINT"]), Kind::ManagedIdentity);
        assert_eq!(
            kind(&["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "IDENTITY_ENDPOINT"]),
            Kind::WorkloadIdentity
        );
    }
}
