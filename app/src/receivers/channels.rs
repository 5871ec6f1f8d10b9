//! Channels of alerts: made, changed, tried.

use super::{email, vault, webhooks::check_url};
use crate::{App, Error, Page, Work};
use inventory_domain::{
    Check,
    account::Secret,
    channel::{ALERT_EVENTS, Channel, ChannelChanges, ChannelFilter, ChannelKind, NewChannel},
    delivery::{Delivery, DisabledReason},
    event::EventType,
};
use inventory_store::{
    StoreError,
    receivers::{self as store, Content, Receiver, ReceiverKind, Resource},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const RESOURCE: Resource = Resource::Channels;
/// What is missing where no e-mail can be sent.
const NO_MAIL: &str = "a mail server (SMTP_URL, SMTP_FROM)";

/// Where a channel is and what it is told, as it is kept: nothing secret.
#[derive(Deserialize, Serialize)]
pub(super) struct Details {
    pub(super) url: Option<String>,
    pub(super) to: Vec<String>,
    pub(super) from: Option<String>,
    pub(super) account_sid: Option<String>,
    pub(super) filter: ChannelFilter,
}

fn channel(receiver: &Receiver) -> Result<Channel, StoreError> {
    let details: Details = receiver.details()?;
    Ok(Channel {
        id: receiver.id,
        kind: receiver.kind.channel()?,
        name: receiver.name.clone(),
        url: details.url,
        to: details.to,
        from: details.from,
        account_sid: details.account_sid,
        filter: details.filter,
        enabled: receiver.enabled,
        disabled_reason: receiver.disabled_reason,
        failing_since: receiver.failing_since,
        version: receiver.version,
        created_at: receiver.created_at,
        updated_at: receiver.updated_at,
    })
}

/// A page of channels.
pub async fn list(app: &App, page: Page) -> Result<Vec<Channel>, Error> {
    let found = store::list(app.store(), RESOURCE, page).await?;
    Ok(found.iter().map(channel).collect::<Result<_, _>>()?)
}

/// How many channels.
pub async fn count(app: &App) -> Result<i64, Error> {
    Ok(store::count(app.store(), RESOURCE).await?)
}

/// One channel.
pub async fn get(app: &App, id: i64) -> Result<Channel, Error> {
    Ok(channel(&store::get(app.store(), RESOURCE, id).await?)?)
}

/// Refuses addresses that nothing can be sent to.
fn check(app: &App, new: &NewChannel) -> Result<(), Error> {
    new.validate()?;
    if let Some(url) = &new.url {
        check_url(app, url.expose())?;
    }
    if new.kind == ChannelKind::Email {
        let mut check = Check::new();
        for (index, to) in new.to.iter().enumerate() {
            if !email::is_address(to) {
                check.fail(format!("/to/{index}"), "not_an_address", "must be an e-mail address");
            }
        }
        check.finish()?;
        if app.settings().receivers.smtp.is_none() {
            return Err(Error::NotConfigured(NO_MAIL));
        }
    }
    Ok(())
}

/// What is shown of an address that is a secret by itself.
fn host(app: &App, url: &str) -> Option<String> {
    let url = app.outbound().check(url).ok()?;
    Some(format!("{}://{}/…", url.scheme(), url.host_str()?))
}

/// The secrets and the text of [`Details`] of a channel that has passed [`check`]; `former`: its address and secrets before.
fn written(
    app: &App,
    new: NewChannel,
    former: Option<(Option<String>, vault::ReceiverSecrets)>,
) -> Result<(String, vault::ReceiverSecrets), Error> {
    let (former_url, mut secrets) = former.unwrap_or_default();
    let text = |secret: Secret| secret.expose().to_owned();
    let url = match (new.kind, new.url.map(text)) {
        (ChannelKind::Webhook, Some(url)) => Some(url),
        (ChannelKind::Teams | ChannelKind::Slack, Some(url)) => {
            let shown = host(app, &url);
            secrets.url = Some(url);
            shown
        }
        _ => former_url,
    };
    if let Some(token) = new.auth_token {
        secrets.token = Some(text(token));
    }
    let details = Details {
        url,
        to: new.to,
        from: new.from,
        account_sid: new.account_sid,
        filter: new.filter,
    };
    let details = serde_json::to_string(&details).map_err(|_| Error::Internal)?;
    Ok((details, secrets))
}

fn content<'a>(
    kind: ChannelKind,
    name: &'a str,
    details: &'a str,
    secrets: Option<&'a str>,
    prefixes: &'a [String],
) -> Content<'a, Channel> {
    Content {
        kind: ReceiverKind::Channel(kind),
        name,
        details,
        secrets,
        prefixes,
        view: channel,
    }
}

fn prefixes() -> Vec<String> {
    ALERT_EVENTS.iter().map(EventType::to_string).collect()
}

/// Creates a channel. One that is a webhook has a secret that signs; it is told to nobody after this.
pub async fn create(work: &mut Work, new: NewChannel) -> Result<(Channel, Option<String>), Error> {
    check(work.app(), &new)?;
    let (kind, name) = (new.kind, new.name.clone());
    let (details, mut secrets) = written(work.app(), new, None)?;
    let secret = match kind {
        ChannelKind::Webhook => Some(secrets.rotate(work.now())?),
        _ => None,
    };
    let seal = Uuid::now_v7();
    let sealed = vault::close(work.app(), &secrets, seal)?;
    let prefixes = prefixes();
    let content = content(kind, &name, &details, Some(&sealed), &prefixes);
    let made = store::create(work, RESOURCE, seal, "channels_create", &content).await?;
    work.has_subscriptions();
    Ok((channel(&made)?, secret))
}

/// Changes a channel.
pub async fn update(work: &mut Work, id: i64, version: Option<i64>, changes: ChannelChanges) -> Result<Channel, Error> {
    let before = store::lock(work, RESOURCE, id, version).await?;
    let seen = channel(&before)?;
    // What cannot be opened any more (the master key is another one) is replaced by what is given.
    let secrets = vault::open(work.app(), &before).unwrap_or_default();
    let known = |text: &Option<String>| text.clone().map(Secret::from);
    let has_new_secrets = changes.url.is_some() || changes.auth_token.is_some();
    let new = NewChannel {
        kind: seen.kind,
        name: changes.name.unwrap_or_else(|| seen.name.clone()),
        url: changes.url.or_else(|| match seen.kind {
            ChannelKind::Webhook => known(&seen.url),
            _ => known(&secrets.url),
        }),
        to: changes.to.unwrap_or_else(|| seen.to.clone()),
        from: changes.from.or_else(|| seen.from.clone()),
        account_sid: changes.account_sid.or_else(|| seen.account_sid.clone()),
        auth_token: changes.auth_token.or_else(|| known(&secrets.token)),
        filter: changes.filter.unwrap_or_else(|| seen.filter.clone()),
    };
    let enabled = changes.enabled.unwrap_or(seen.enabled);
    check(work.app(), &new)?;
    let name = new.name.clone();
    let (details, secrets) = written(work.app(), new, Some((seen.url, secrets)))?;
    let sealed = if has_new_secrets {
        Some(vault::close(work.app(), &secrets, before.seal)?)
    } else {
        before.secrets.clone()
    };
    if !has_new_secrets && (&name, &details, enabled) == (&before.name, &before.details, before.enabled) {
        return Ok(channel(&before)?);
    }
    let after = Receiver {
        enabled,
        disabled_reason: (!enabled).then(|| before.disabled_reason.unwrap_or(DisabledReason::Asked)),
        failing_since: before.failing_since.filter(|_| enabled && before.enabled),
        ..before.clone()
    };
    let prefixes = prefixes();
    let content = content(seen.kind, &name, &details, sealed.as_deref(), &prefixes);
    let after = store::update(work, &before, after, "channels_update", &content).await?;
    work.has_subscriptions();
    Ok(channel(&after)?)
}

/// Deletes a channel, with everything that is on its way to it.
pub async fn delete(work: &mut Work, id: i64, version: Option<i64>) -> Result<Channel, Error> {
    let receiver = store::lock(work, RESOURCE, id, version).await?;
    let channel = channel(&receiver)?;
    store::delete(work, &receiver, "channels_delete", &channel).await?;
    Ok(channel)
}

/// Sends a channel a message for trying it out.
pub async fn test(work: &mut Work, id: i64) -> Result<Delivery, Error> {
    super::test(work, RESOURCE, id, "channel", "channels_test").await
}
