//! Webhooks: addresses that are told what happens, and exports, which are files of it.

use crate::{
    Check, Refusal, Timestamp,
    delivery::{DisabledReason, EventPattern},
    limits,
};
use serde::{Deserialize, Serialize};

words! {
    /// What events become.
    #[derive(Default)]
    pub enum WebhookKind {
        /// Signed requests to an address.
        #[default]
        Webhook = "webhook",
        /// Files of JSON lines, one event a line, in the place for files: for analytics.
        Export = "export",
    }
}

/// A webhook, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// Positive, given by us.
    pub id: i64,
    /// What events become.
    pub kind: WebhookKind,
    /// For people; unique among webhooks.
    pub name: String,
    /// Where events are sent; `null` of an export.
    pub url: Option<String>,
    /// Which events: types, and beginnings of types with `*`.
    pub events: Vec<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when nothing reaches it; `null` while something does.
    pub failing_since: Option<Timestamp>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What it takes to create a webhook.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// What events become: requests to an address, where it is absent.
    #[serde(default)]
    pub kind: WebhookKind,
    /// For people, at most 200 characters.
    pub name: String,
    /// Where events are sent: `https://`, at a public address. An export has none.
    #[serde(default)]
    pub url: Option<String>,
    /// Which events: types (`inventory.stock.low`), and beginnings of types with `*` (`inventory.order.*`, `*`).
    #[serde(default = "NewWebhook::all")]
    pub events: Vec<String>,
}

/// Changes to a webhook: a member that is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookChanges {
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another address.
    #[serde(default)]
    pub url: Option<String>,
    /// Other events.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Whether events are sent. What happens while they are not is not sent later.
    #[serde(default)]
    pub enabled: Option<bool>,
}

impl NewWebhook {
    fn all() -> Vec<String> {
        vec!["*".to_owned()]
    }

    /// Refuses what breaks a rule of [`limits`]. The address is for whoever sends to look at.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/name", &self.name, limits::NAME_CHARS_MAX);
        match (self.kind, &self.url) {
            (WebhookKind::Webhook, None) => check.fail("/url", "missing", "is needed for webhook"),
            (WebhookKind::Export, Some(_)) => check.fail("/url", "not_for_kind", "is nothing that export has"),
            _ => check.text_opt("/url", self.url.as_deref(), limits::URL_CHARS_MAX),
        }
        check_events(&mut check, &self.events);
        check.finish()
    }
}

fn check_events(check: &mut Check, events: &[String]) {
    check.range("/events", events.len() as i64, 1, limits::EVENT_PATTERNS_MAX);
    for (index, pattern) in events.iter().enumerate().take(limits::EVENT_PATTERNS_MAX as usize) {
        if !EventPattern(pattern).is_known() {
            let detail = "must be an event's type, or the beginning of types up to a dot with * after it";
            check.fail(format!("/events/{index}"), "unknown_event", detail);
        }
    }
}

impl WebhookChanges {
    /// The webhook with these changes, or why they are refused. Version and times stay as they are.
    pub fn apply(&self, webhook: &Webhook) -> Result<Webhook, Refusal> {
        let fields = NewWebhook {
            kind: webhook.kind,
            name: self.name.clone().unwrap_or_else(|| webhook.name.clone()),
            url: self.url.clone().or_else(|| webhook.url.clone()),
            events: self.events.clone().unwrap_or_else(|| webhook.events.clone()),
        };
        fields.validate()?;
        let enabled = self.enabled.unwrap_or(webhook.enabled);
        Ok(Webhook {
            name: fields.name,
            url: fields.url,
            events: fields.events,
            enabled,
            disabled_reason: (!enabled).then(|| webhook.disabled_reason.unwrap_or(DisabledReason::Asked)),
            failing_since: webhook.failing_since.filter(|_| enabled && webhook.enabled),
            ..webhook.clone()
        })
    }
}
