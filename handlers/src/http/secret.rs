//! Answers that hold a secret, once.

use inventory_domain::{
    account::{Account, ApiKey, Secret},
    channel::Channel,
    webhook::Webhook,
};
use serde::Serialize;
use utoipa::ToSchema;

/// An answer with a secret that is kept nowhere: with an idempotency key, the answer is kept without it.
pub(crate) trait Once: Serialize {
    /// The answer without its secret.
    fn without_secret(&self) -> Self;
}

/// A client with its secret.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct ClientWithSecret {
    /// The client.
    pub(crate) client: Account,
    /// Its secret; `null` when this answer is given again.
    pub(crate) client_secret: Option<String>,
}

impl ClientWithSecret {
    pub(crate) fn new(client: Account, secret: &Secret) -> Self {
        Self {
            client,
            client_secret: Some(secret.expose().to_owned()),
        }
    }
}

impl Once for ClientWithSecret {
    fn without_secret(&self) -> Self {
        Self {
            client: self.client.clone(),
            client_secret: None,
        }
    }
}

/// An API key with the key itself.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct KeyWithSecret {
    /// What is kept of it.
    pub(crate) key: ApiKey,
    /// What goes into `X-API-Key`; `null` when this answer is given again.
    pub(crate) api_key: Option<String>,
}

impl KeyWithSecret {
    pub(crate) fn new(key: ApiKey, secret: &Secret) -> Self {
        Self {
            key,
            api_key: Some(secret.expose().to_owned()),
        }
    }
}

impl Once for KeyWithSecret {
    fn without_secret(&self) -> Self {
        Self {
            key: self.key.clone(),
            api_key: None,
        }
    }
}

/// A webhook with its secret.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct WebhookWithSecret {
    /// The webhook.
    pub(crate) webhook: Webhook,
    /// What its events are signed with; `null` of an export, and when this answer is given again.
    pub(crate) secret: Option<String>,
}

impl WebhookWithSecret {
    pub(crate) const fn new(webhook: Webhook, secret: Option<String>) -> Self {
        Self { webhook, secret }
    }
}

impl Once for WebhookWithSecret {
    fn without_secret(&self) -> Self {
        Self {
            webhook: self.webhook.clone(),
            secret: None,
        }
    }
}

/// A channel with the secret that signs, where it has one.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct ChannelWithSecret {
    /// The channel.
    pub(crate) channel: Channel,
    /// What the requests of a channel that is a webhook are signed with; `null` for others, and when this answer is given again.
    pub(crate) secret: Option<String>,
}

impl ChannelWithSecret {
    pub(crate) const fn new(channel: Channel, secret: Option<String>) -> Self {
        Self { channel, secret }
    }
}

impl Once for ChannelWithSecret {
    fn without_secret(&self) -> Self {
        Self {
            channel: self.channel.clone(),
            secret: None,
        }
    }
}
