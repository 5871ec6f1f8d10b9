//! Reading secrets over TLS from a vault that speaks Key Vault's documented REST interface.
#![allow(clippy::unwrap_used)]

use inventory_azure::{KeyVault, KeyVaultError};
use inventory_tests::{
    credential::TestCredential,
    vault::{Fault, SCOPE, TestVault},
};
use secrecy::ExposeSecret as _;
use std::{sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);

fn client(vault: &TestVault, credential: &Arc<TestCredential>, timeout: Duration) -> KeyVault {
    KeyVault::new(vault.url(), credential.clone(), vault.options(timeout))
}

async fn both(client: &KeyVault, name: &str) -> Vec<String> {
    let versions = client.get_with_previous(name).await.unwrap();
    versions
        .iter()
        .map(|version| version.expose_secret().to_owned())
        .collect()
}

#[tokio::test]
async fn a_secret_is_read_after_the_challenge() {
    let vault = TestVault::started("token");
    let credential = Arc::new(TestCredential::with("token"));
    let client = client(&vault, &credential, PATIENCE);
    vault.put("database-password", "one");
    let secret = client.get("database-password").await.unwrap().unwrap();
    assert_eq!(secret.expose_secret(), "one");
    assert_eq!(credential.scopes(), [SCOPE]);
    vault.put("database-password", "two");
    let secret = client.get("database-password").await.unwrap().unwrap();
    assert_eq!(secret.expose_secret(), "two");
    assert!(client.get("redis-url").await.unwrap().is_none());
    assert!(client.get_with_previous("redis-url").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_version_before_is_read_while_it_is_good() {
    let vault = TestVault::started("token");
    let client = client(&vault, &Arc::new(TestCredential::with("token")), PATIENCE);
    vault.put("jwt-keys", "one");
    assert_eq!(both(&client, "jwt-keys").await, ["one"]);
    vault.put("jwt-keys", "two");
    vault.put("jwt-keys", "three");
    assert_eq!(both(&client, "jwt-keys").await, ["three", "two"]);
    vault.expire("jwt-keys", 1);
    assert_eq!(both(&client, "jwt-keys").await, ["three"]);
    vault.put("jwt-keys", "four");
    assert_eq!(both(&client, "jwt-keys").await, ["four", "three"]);
    vault.disable("jwt-keys", 1);
    assert_eq!(both(&client, "jwt-keys").await, ["four"]);
    vault.disable("jwt-keys", 0);
    let error = client.get("jwt-keys").await.unwrap_err();
    let (name, code) = ("jwt-keys".to_owned(), "SecretDisabled".to_owned());
    assert_eq!(
        error,
        KeyVaultError::Denied {
            name,
            status: 403,
            code
        }
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let vault = TestVault::started("token");
    let credential = Arc::new(TestCredential::with("token"));
    let client = client(&vault, &credential, PATIENCE);
    vault.put("redis-url", "secret-value");
    for (fault, expected) in [
        (Fault::Status(429, Some(7)), Some(Duration::from_secs(7))),
        (Fault::Status(503, None), None),
        (Fault::Status(429, Some(1_000_000)), Some(Duration::from_mins(10))),
    ] {
        vault.fail_once(fault);
        let error = client.get("redis-url").await.unwrap_err();
        assert!(matches!(error, KeyVaultError::Busy { .. }), "{error}");
        assert_eq!(error.retry_after(), expected);
    }
    vault.fail_once(Fault::Status(500, None));
    let error = client.get("redis-url").await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unexpected(_)), "{error}");
    // Each was one request: whoever keeps secrets decides when to ask again.
    assert_eq!(vault.requests().borrow().len(), 4);
    assert_eq!(
        client.get("redis-url").await.unwrap().unwrap().expose_secret(),
        "secret-value"
    );
}

#[tokio::test]
async fn a_token_that_the_vault_does_not_take_is_denied() {
    let vault = TestVault::started("token");
    vault.put("redis-url", "secret-value");
    let client = client(&vault, &Arc::new(TestCredential::with("another-token")), PATIENCE);
    let error = client.get("redis-url").await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Denied { status: 401, .. }), "{error:?}");
    assert!(!format!("{error} {error:?} {client:?}").contains("another-token"));
}

#[tokio::test]
async fn without_a_token_it_says_so() {
    let vault = TestVault::started("token");
    let client = client(&vault, &Arc::new(TestCredential::default()), PATIENCE);
    let error = client.get("redis-url").await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Credential(_)), "{error:?}");
    assert!(error.to_string().contains("nobody is logged in"), "{error}");
}

#[tokio::test]
async fn a_vault_that_hangs_is_given_up_and_one_that_is_away_is_unreachable() {
    let mut vault = TestVault::new("token");
    vault.put("redis-url", "secret-value");
    let credential = Arc::new(TestCredential::with("token"));
    let patient = client(&vault, &credential, PATIENCE);
    let error = patient.get("redis-url").await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unreachable(_)), "{error:?}");
    vault.start();
    vault.outage(Some(Fault::Hang));
    let hasty = client(&vault, &credential, Duration::from_millis(300));
    assert_eq!(hasty.get("redis-url").await.unwrap_err(), KeyVaultError::TimedOut);
    vault.outage(None);
    assert!(patient.get("redis-url").await.unwrap().is_some());
}

#[tokio::test]
async fn a_vault_whose_certificate_nobody_trusts_gets_no_token() {
    let vault = TestVault::started("token");
    let other = TestVault::new("token");
    let credential = Arc::new(TestCredential::with("token"));
    let client = KeyVault::new(vault.url(), credential.clone(), other.options(PATIENCE));
    let error = client.get("redis-url").await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unreachable(_)), "{error:?}");
    assert!(credential.scopes().is_empty());
}

#[tokio::test]
async fn a_vault_that_wants_a_token_for_somebody_else_gets_none() {
    let vault = TestVault::started("token");
    let credential = Arc::new(TestCredential::with("token"));
    let mut options = vault.options(PATIENCE);
    options.verify_challenge_resource = true;
    let client = KeyVault::new(vault.url(), credential.clone(), options);
    assert!(client.get("redis-url").await.is_err());
    assert!(credential.scopes().is_empty());
}
