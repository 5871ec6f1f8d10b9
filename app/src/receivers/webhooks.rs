//! Webhooks: made, changed, tried.

use super::{outbound::Refused, vault};
use crate::{App, Error, Page, Work};
use inventory_domain::{
    Refusal,
    account::Rotation,
    channel::ChannelKind,
    delivery::{Delivery, EventPattern},
    webhook::{NewWebhook, Webhook, WebhookChanges, WebhookKind},
};
use inventory_store::{
    StoreError,
    receivers::{self as store, Content, Receiver, ReceiverKind, Resource},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

const RESOURCE: Resource = Resource::Webhooks;

/// Where a webhook is and what it wants, as it is kept.
#[derive(Deserialize, Serialize)]
pub(super) struct Details {
    pub(super) url: Option<String>,
    pub(super) events: Vec<String>,
}

fn webhook(receiver: &Receiver) -> Result<Webhook, StoreError> {
    let Details { url, events } = receiver.details()?;
    Ok(Webhook {
        id: receiver.id,
        kind: match receiver.kind {
            ReceiverKind::Channel(_) => WebhookKind::Webhook,
            ReceiverKind::Export => WebhookKind::Export,
        },
        name: receiver.name.clone(),
        url,
        events,
        enabled: receiver.enabled,
        disabled_reason: receiver.disabled_reason,
        failing_since: receiver.failing_since,
        version: receiver.version,
        created_at: receiver.created_at,
        updated_at: receiver.updated_at,
    })
}

/// A page of webhooks.
pub async fn list(app: &App, page: Page) -> Result<Vec<Webhook>, Error> {
    let found = store::list(app.store(), RESOURCE, page).await?;
    Ok(found.iter().map(webhook).collect::<Result<_, _>>()?)
}

/// How many webhooks.
pub async fn count(app: &App) -> Result<i64, Error> {
    Ok(store::count(app.store(), RESOURCE).await?)
}

/// One webhook.
pub async fn get(app: &App, id: i64) -> Result<Webhook, Error> {
    Ok(webhook(&store::get(app.store(), RESOURCE, id).await?)?)
}

/// Refuses an address that nothing may be sent to.
pub(super) fn check_url(app: &App, url: &str) -> Result<(), Refusal> {
    let code = |refused| match refused {
        Refused::NotAnAddress => "not_https",
        Refused::Credentials => "credentials",
        Refused::Port => "port",
        Refused::NotPublic => "not_public",
    };
    match app.outbound().check(url) {
        Ok(_) => Ok(()),
        Err(refused) => Err(Refusal::invalid("/url", code(refused), refused.to_string())),
    }
}

/// What is written of a webhook, for [`Content`].
struct Written {
    details: String,
    prefixes: Vec<String>,
}

fn written(url: Option<&str>, events: &[String]) -> Result<Written, Error> {
    let details = json!({ "url": url, "events": events });
    Ok(Written {
        details: serde_json::to_string(&details).map_err(|_| Error::Internal)?,
        prefixes: events.iter().map(|pattern| EventPattern(pattern).prefix()).collect(),
    })
}

impl Written {
    fn content<'a>(&'a self, kind: WebhookKind, name: &'a str, secrets: Option<&'a str>) -> Content<'a, Webhook> {
        Content {
            kind: match kind {
                WebhookKind::Webhook => ReceiverKind::Channel(ChannelKind::Webhook),
                WebhookKind::Export => ReceiverKind::Export,
            },
            name,
            details: &self.details,
            secrets,
            prefixes: &self.prefixes,
            view: webhook,
        }
    }
}

/// Creates a webhook; its secret, where it has one, is told to nobody after this.
pub async fn create(work: &mut Work, new: &NewWebhook) -> Result<(Webhook, Option<String>), Error> {
    new.validate()?;
    let seal = Uuid::now_v7();
    let (secret, sealed) = match &new.url {
        Some(url) => {
            check_url(work.app(), url)?;
            let mut secrets = vault::ReceiverSecrets::default();
            let secret = secrets.rotate(work.now())?;
            (Some(secret), Some(vault::close(work.app(), &secrets, seal)?))
        }
        None if work.app().files().is_some() => (None, None),
        None => return Err(Error::NotConfigured(crate::files::WHAT)),
    };
    let written = written(new.url.as_deref(), &new.events)?;
    let content = written.content(new.kind, &new.name, sealed.as_deref());
    let made = store::create(work, RESOURCE, seal, "webhooks_create", &content).await?;
    work.has_subscriptions();
    Ok((webhook(&made)?, secret))
}

/// Changes a webhook.
pub async fn update(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &WebhookChanges,
) -> Result<Webhook, Error> {
    change(work, id, version, changes, "webhooks_update").await
}

/// Switches a webhook on, whatever it was switched off for.
pub async fn enable(work: &mut Work, id: i64, version: Option<i64>) -> Result<Webhook, Error> {
    let changes = WebhookChanges {
        enabled: Some(true),
        ..WebhookChanges::default()
    };
    change(work, id, version, &changes, "webhooks_enable").await
}

async fn change(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    changes: &WebhookChanges,
    action: &'static str,
) -> Result<Webhook, Error> {
    let before = store::lock(work, RESOURCE, id, version).await?;
    let seen = webhook(&before)?;
    let wanted = changes.apply(&seen)?;
    if wanted == seen {
        return Ok(seen);
    }
    if let Some(url) = wanted.url.as_deref().filter(|url| seen.url.as_deref() != Some(url)) {
        check_url(work.app(), url)?;
    }
    let after = Receiver {
        enabled: wanted.enabled,
        disabled_reason: wanted.disabled_reason,
        failing_since: wanted.failing_since,
        ..before.clone()
    };
    let written = written(wanted.url.as_deref(), &wanted.events)?;
    let content = written.content(wanted.kind, &wanted.name, before.secrets.as_deref());
    let after = store::update(work, &before, after, action, &content).await?;
    work.has_subscriptions();
    Ok(webhook(&after)?)
}

/// Gives a webhook another secret, told to nobody after this; for a while both sign.
pub async fn rotate(
    work: &mut Work,
    id: i64,
    version: Option<i64>,
    rotation: &Rotation,
) -> Result<(Webhook, String), Error> {
    rotation.validate()?;
    let before = store::lock(work, RESOURCE, id, version).await?;
    if before.kind == ReceiverKind::Export {
        return Err(Refusal::invalid("", "not_for_kind", "an export signs nothing and has no secret").into());
    }
    // What cannot be opened any more (the master key is another one) is replaced.
    let mut secrets = vault::open(work.app(), &before).unwrap_or_default();
    let secret = secrets.rotate(work.now().plus_minutes(60 * rotation.overlap_hours))?;
    let sealed = vault::close(work.app(), &secrets, before.seal)?;
    let seen = webhook(&before)?;
    let written = written(seen.url.as_deref(), &seen.events)?;
    let content = written.content(seen.kind, &before.name, Some(&sealed));
    let after = store::update(work, &before, before.clone(), "webhooks_rotate", &content).await?;
    Ok((webhook(&after)?, secret))
}

/// Deletes a webhook, with everything that is on its way to it.
pub async fn delete(work: &mut Work, id: i64, version: Option<i64>) -> Result<Webhook, Error> {
    let receiver = store::lock(work, RESOURCE, id, version).await?;
    let webhook = webhook(&receiver)?;
    store::delete(work, &receiver, "webhooks_delete", &webhook).await?;
    Ok(webhook)
}

/// Sends a webhook an event for trying it out.
pub async fn test(work: &mut Work, id: i64) -> Result<Delivery, Error> {
    super::test(work, RESOURCE, id, "webhook", "webhooks_test").await
}
