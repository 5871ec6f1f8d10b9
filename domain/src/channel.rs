//! Channels: how people and programs are told of alerts.

use crate::{
    Check, Refusal, Timestamp, account::Secret, delivery::DisabledReason, event::EventType, limits, low_stock::Severity,
};
use serde::{Deserialize, Serialize};

words! {
    /// How a receiver is reached.
    pub enum ChannelKind {
        /// An HTTP request, signed as those of webhooks.
        Webhook = "webhook",
        /// An e-mail.
        Email = "email",
        /// An incoming webhook of Microsoft Teams.
        Teams = "teams",
        /// An incoming webhook of Slack.
        Slack = "slack",
        /// A text message by Twilio.
        Sms = "sms",
    }
}

words! {
    /// What an alert says.
    pub enum AlertKind {
        /// At or below the reorder point.
        Low = "low",
        /// Nothing available.
        Out = "out",
        /// Well above the reorder point again.
        Recovered = "recovered",
    }
}

words! {
    /// How much an alert matters.
    pub enum AlertLevel {
        /// Good to know: recovered.
        Info = "info",
        /// Somebody has to act soon: low.
        Warning = "warning",
        /// Somebody has to act now: out.
        Critical = "critical",
    }
}

impl AlertKind {
    /// The alert that an event is; that of a reminder is as severe as the alert it reminds of.
    pub fn of(event_type: &str, reminded: Option<Severity>) -> Option<Self> {
        match (EventType::parse(event_type)?, reminded) {
            (EventType::StockLow, _) | (EventType::AlertReminded, Some(Severity::Low)) => Some(Self::Low),
            (EventType::StockOut, _) | (EventType::AlertReminded, Some(Severity::Out)) => Some(Self::Out),
            (EventType::StockRecovered, _) => Some(Self::Recovered),
            _ => None,
        }
    }

    /// How much it matters.
    pub const fn level(self) -> AlertLevel {
        match self {
            Self::Low => AlertLevel::Warning,
            Self::Out => AlertLevel::Critical,
            Self::Recovered => AlertLevel::Info,
        }
    }
}

/// The types of events that channels are told of.
pub const ALERT_EVENTS: [EventType; 4] = [
    EventType::StockLow,
    EventType::StockOut,
    EventType::StockRecovered,
    EventType::AlertReminded,
];

/// What a channel is told: everything that is asked for must hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChannelFilter {
    /// These alerts; all where it is empty.
    #[serde(default)]
    pub alerts: Vec<AlertKind>,
    /// Those that matter at least so much.
    #[serde(default = "ChannelFilter::all")]
    pub level_min: AlertLevel,
    /// Those at these locations; at all where it is empty.
    #[serde(default)]
    pub location_ids: Vec<i64>,
}

impl Default for ChannelFilter {
    fn default() -> Self {
        Self {
            alerts: Vec::new(),
            level_min: Self::all(),
            location_ids: Vec::new(),
        }
    }
}

impl ChannelFilter {
    const fn all() -> AlertLevel {
        AlertLevel::Info
    }

    /// Whether it is told of such an alert.
    pub fn wants(&self, kind: AlertKind, location_id: i64) -> bool {
        (self.alerts.is_empty() || self.alerts.contains(&kind))
            && kind.level() >= self.level_min
            && (self.location_ids.is_empty() || self.location_ids.contains(&location_id))
    }

    fn check(&self, check: &mut Check) {
        let count = self.location_ids.len() as i64;
        check.range("/filter/location_ids", count, 0, limits::CHANNEL_LOCATIONS_MAX);
        check.range(
            "/filter/alerts",
            self.alerts.len() as i64,
            0,
            AlertKind::ALL.len() as i64,
        );
    }
}

/// A channel, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Channel {
    /// Positive, given by us.
    pub id: i64,
    /// How it is reached.
    pub kind: ChannelKind,
    /// For people; unique among channels.
    pub name: String,
    /// Where it is: of a webhook the address; of Teams and Slack, whose address is a secret, the host.
    pub url: Option<String>,
    /// Who is told: addresses of an e-mail, the number of a text message.
    pub to: Vec<String>,
    /// The number that text messages come from.
    pub from: Option<String>,
    /// The account at Twilio.
    pub account_sid: Option<String>,
    /// What it is told.
    pub filter: ChannelFilter,
    /// Whether it is told anything.
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

/// What it takes to create a channel. `webhook`, `teams` and `slack` need `url`; `email` needs `to`; `sms` needs one number in `to`,
/// `from`, `account_sid` and `auth_token`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// How it is reached.
    pub kind: ChannelKind,
    /// For people, at most 200 characters.
    pub name: String,
    /// Where it is: `https://`, at a public address. Of Teams and Slack it is a secret and never shown.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub url: Option<Secret>,
    /// Who is told.
    #[serde(default)]
    pub to: Vec<String>,
    /// The number that text messages come from: `+` and digits.
    #[serde(default)]
    pub from: Option<String>,
    /// The account at Twilio.
    #[serde(default)]
    pub account_sid: Option<String>,
    /// What opens the account at Twilio; never shown.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub auth_token: Option<Secret>,
    /// What it is told; everything where it is absent.
    #[serde(default)]
    pub filter: ChannelFilter,
}

/// Changes to a channel: a member that is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChannelChanges {
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another address.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub url: Option<Secret>,
    /// Others are told.
    #[serde(default)]
    pub to: Option<Vec<String>>,
    /// Another number that text messages come from.
    #[serde(default)]
    pub from: Option<String>,
    /// Another account at Twilio.
    #[serde(default)]
    pub account_sid: Option<String>,
    /// What opens it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub auth_token: Option<Secret>,
    /// Something else is told.
    #[serde(default)]
    pub filter: Option<ChannelFilter>,
    /// Whether it is told anything.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// A number of the telephone network (E.164): `+` and 7 to 15 digits.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
    })
}

/// `AC` and 32 hexadecimal digits.
fn is_account_sid(text: &str) -> bool {
    text.strip_prefix("AC")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl NewChannel {
    /// Refuses what breaks a rule of [`limits`] or of the kind. Addresses of the network are for whoever sends to look at.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/name", &self.name, limits::NAME_CHARS_MAX);
        self.filter.check(&mut check);
        let (is_http, is_sms) = match self.kind {
            ChannelKind::Webhook | ChannelKind::Teams | ChannelKind::Slack => (true, false),
            ChannelKind::Email => (false, false),
            ChannelKind::Sms => (false, true),
        };
        for (pointer, is_wanted, is_there) in [
            ("/url", is_http, self.url.is_some()),
            ("/to", !is_http, !self.to.is_empty()),
            ("/from", is_sms, self.from.is_some()),
            ("/account_sid", is_sms, self.account_sid.is_some()),
            ("/auth_token", is_sms, self.auth_token.is_some()),
        ] {
            if is_wanted && !is_there {
                check.fail(pointer, "missing", format!("is needed for {}", self.kind));
            }
            if !is_wanted && is_there {
                check.fail(pointer, "not_for_kind", format!("is nothing that {} has", self.kind));
            }
        }
        if let Some(url) = &self.url {
            check.text("/url", url.expose(), limits::URL_CHARS_MAX);
        }
        if let Some(token) = &self.auth_token {
            check.text("/auth_token", token.expose(), limits::NAME_CHARS_MAX);
        }
        let most = if is_sms { 1 } else { limits::CHANNEL_RECIPIENTS_MAX };
        if !self.to.is_empty() && !is_http {
            check.range("/to", self.to.len() as i64, 1, most);
        }
        for (index, to) in self.to.iter().enumerate().take(most as usize) {
            if is_sms && !is_number(to) {
                check.fail(format!("/to/{index}"), "not_a_number", "must be + and 7 to 15 digits");
            }
            if self.kind == ChannelKind::Email {
                check.text(&format!("/to/{index}"), to, limits::EMAIL_CHARS_MAX);
            }
        }
        if self.from.as_deref().is_some_and(|from| is_sms && !is_number(from)) {
            check.fail("/from", "not_a_number", "must be + and 7 to 15 digits");
        }
        if self
            .account_sid
            .as_deref()
            .is_some_and(|sid| is_sms && !is_account_sid(sid))
        {
            check.fail("/account_sid", "not_an_account", "must be AC and 32 hexadecimal digits");
        }
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(channel: &serde_json::Value) -> Vec<String> {
        let channel: NewChannel = serde_json::from_value(channel.clone()).unwrap();
        match channel.validate() {
            Err(Refusal::Invalid(found)) => found.into_iter().map(|one| one.pointer).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn each_kind_has_what_it_needs_and_nothing_else() {
        let sid = format!("AC{}", "0a".repeat(16));
        for (channel, expected) in [
            (
                serde_json::json!({ "kind": "email", "name": "x", "to": ["a@b.example"] }),
                &[][..],
            ),
            (serde_json::json!({ "kind": "email", "name": "x" }), &["/to"]),
            (
                serde_json::json!({ "kind": "email", "name": "x", "to": ["a@b"], "url": "https://x" }),
                &["/url"],
            ),
            (
                serde_json::json!({ "kind": "email", "name": "x", "to": vec!["a@b"; 51] }),
                &["/to"],
            ),
            (
                serde_json::json!({ "kind": "slack", "name": "x", "url": "https://x" }),
                &[],
            ),
            (
                serde_json::json!({ "kind": "teams", "name": " ", "to": ["x"] }),
                &["/name", "/url", "/to"],
            ),
            (
                serde_json::json!({ "kind": "sms", "name": "x", "to": ["+4915112345678"], "from": "+15005550006", "account_sid": sid, "auth_token": "t" }),
                &[],
            ),
            (
                serde_json::json!({ "kind": "sms", "name": "x", "to": ["0151"], "from": "+0", "account_sid": "../x", "auth_token": "t" }),
                &["/to/0", "/from", "/account_sid"],
            ),
            (
                serde_json::json!({ "kind": "sms", "name": "x", "to": ["+4915112345678", "+4915112345679"] }),
                &["/from", "/account_sid", "/auth_token", "/to"],
            ),
        ] {
            assert_eq!(pointers(&channel), expected, "{channel}");
        }
    }

    #[test]
    fn filters_narrow() {
        let all = ChannelFilter::default();
        assert!(AlertKind::ALL.iter().all(|kind| all.wants(*kind, 1)));
        let some = ChannelFilter {
            alerts: vec![AlertKind::Out, AlertKind::Recovered],
            level_min: AlertLevel::Warning,
            location_ids: vec![2],
        };
        assert!(some.wants(AlertKind::Out, 2));
        assert!(!some.wants(AlertKind::Out, 1) && !some.wants(AlertKind::Low, 2));
        assert!(!some.wants(AlertKind::Recovered, 2), "it matters too little");
    }

    #[test]
    fn events_are_alerts() {
        assert_eq!(AlertKind::of("inventory.stock.low", None), Some(AlertKind::Low));
        assert_eq!(
            AlertKind::of("inventory.alert.reminded", Some(Severity::Out)),
            Some(AlertKind::Out)
        );
        assert_eq!(AlertKind::of("inventory.alert.reminded", None), None);
        assert_eq!(AlertKind::of("inventory.order.placed", None), None);
    }
}
