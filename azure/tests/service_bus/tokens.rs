//! Keys, tokens and certificates: what is shown to Service Bus, refused by it, and made anew in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use devhost::servicebus::{Access, AmqpOptions};
use inventory_azure::{SendError, ServiceBus, ServiceBusConnection, ServiceBusOptions};
use time::OffsetDateTime;

use crate::devhost_bus::{KEY, KEY_NAME, Tls};
use crate::suite::{Service as _, message};

const PATIENCE: Duration = Duration::from_secs(10);

/// Checks signatures and counts the tokens that were put.
fn counting_access(count: &Arc<AtomicUsize>) -> Access {
    let (count, inner) = (Arc::clone(count), Access::shared_key(KEY_NAME, KEY));
    Access::checked(move |resource, kind, token| {
        assert_eq!(kind, "servicebus.windows.net:sastoken");
        count.fetch_add(1, Ordering::SeqCst);
        inner.check(resource, kind, token).map(Option::unwrap)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_made_anew_while_sending_goes_on_and_nothing_is_dropped() {
    let count = Arc::new(AtomicUsize::new(0));
    let service = Tls::start_with(AmqpOptions {
        access: counting_access(&count),
        ..AmqpOptions::default()
    })
    .await;
    // The listener detaches links whose token has run out, so without new tokens in time a send would fail.
    let client = service.client_with(ServiceBusOptions {
        signature_lifetime: Duration::from_secs(5),
        ..service.options(PATIENCE)
    });
    let mut sent = 0_u32;
    while count.load(Ordering::SeqCst) < 3 {
        let outcomes = client.send("orders", &[message(sent.to_string())]).await.unwrap();
        assert_eq!(outcomes, [Ok(())], "{sent}");
        sent += 1;
    }
    let ids: Vec<_> = service
        .receive("orders", sent as usize)
        .await
        .into_iter()
        .map(|message| message.message_id)
        .collect();
    assert!(
        ids.iter().enumerate().all(|(n, id)| *id == n.to_string()),
        "each once, in order"
    );
    assert_eq!(count.load(Ordering::SeqCst), 3, "no link had to be made anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_told_and_never_shown() {
    let service = Tls::start().await;
    let wrong = format!(
        "Endpoint=sb://localhost:{}/;SharedAccessKeyName={KEY_NAME};SharedAccessKey=aHVudGVyMg==",
        service.terminator.port
    );
    let client = ServiceBus::new(wrong.parse().unwrap(), service.options(PATIENCE));
    let error = client.send("orders", &[message("a")]).await.unwrap_err();
    assert!(matches!(error, SendError::Unauthorized(_)), "{error}");
    assert!(!error.is_transient() && !error.concerns_message());
    assert!(!error.to_string().contains("aHVudGVyMg"), "{error}");
    // For `/ready`: reaching the service is not enough.
    assert!(matches!(client.check().await, Err(SendError::Unauthorized(_))));
    assert_eq!(service.bus.arrived(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_whose_token_was_withdrawn_gets_another_token_once() {
    // Good for a moment at first, as when a machine slept over the time to make it anew.
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let service = Tls::start_with(AmqpOptions {
        access: Access::checked(move |_, _, _| {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            let lifetime = if is_first {
                Duration::from_secs(2)
            } else {
                Duration::from_hours(1)
            };
            Ok(OffsetDateTime::now_utc() + lifetime)
        }),
        ..AmqpOptions::default()
    })
    .await;
    let client = service.client(PATIENCE);
    let mut sent = 0_usize;
    while count.load(Ordering::SeqCst) < 2 {
        assert_eq!(
            client.send("orders", &[message(sent.to_string())]).await.unwrap(),
            [Ok(())]
        );
        sent += 1;
    }
    assert_eq!(client.check().await, Ok(()));
    service.receive("orders", sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_somebody_unknown_is_refused() {
    let service = Tls::start().await;
    let client = service.client_with(crate::devhost_bus::options(Duration::from_secs(1)));
    let error = client.send("orders", &[message("a")]).await.unwrap_err();
    assert!(matches!(error, SendError::NotConnected(_)), "{error}");
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    assert!(client.check().await.is_err());
}

/// An identity whose tokens are what it is told, good for a time.
#[derive(Debug)]
struct Identity {
    asked: Arc<AtomicUsize>,
    lifetime: Duration,
}

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://servicebus.azure.net/.default"]);
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        if n == 0 {
            let kind = azure_core::error::ErrorKind::Credential;
            return Err(azure_core::Error::with_message(kind, "the identity is not there yet"));
        }
        Ok(AccessToken::new(
            format!("token {n}"),
            OffsetDateTime::now_utc() + self.lifetime,
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_an_identity_open_a_namespace() {
    let put = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&put);
    let lifetime = Duration::from_secs(2);
    let service = Tls::start_with(AmqpOptions {
        access: Access::checked(move |resource, kind, token| {
            assert_eq!(resource, "sb://localhost/orders");
            assert_eq!(kind, "jwt");
            assert!(token.starts_with("token "), "{token}");
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(OffsetDateTime::now_utc() + lifetime)
        }),
        ..AmqpOptions::default()
    })
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let namespace = format!("localhost:{}", service.terminator.port);
    let client = ServiceBus::new(
        ServiceBusConnection::with_identity(&namespace, None).unwrap(),
        ServiceBusOptions {
            credential: Some(Arc::new(Identity {
                asked: Arc::clone(&asked),
                lifetime,
            })),
            ..service.options(PATIENCE)
        },
    );
    // The first token does not come: nothing is lost, it is asked for again.
    let mut sent = 0_usize;
    while put.load(Ordering::SeqCst) < 3 {
        assert_eq!(
            client.send("orders", &[message(sent.to_string())]).await.unwrap(),
            [Ok(())]
        );
        sent += 1;
    }
    assert!(asked.load(Ordering::SeqCst) > put.load(Ordering::SeqCst));
    service.receive("orders", sent).await;
}
