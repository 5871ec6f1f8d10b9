//! What people read of an alert, in each form that a channel takes.

use super::payload::Told;
use inventory_domain::{channel::AlertKind, low_stock::Severity};
use serde::Deserialize;
use serde_json::{Value, json};

/// What an event says of a stock item. Members of other events are absent.
#[derive(Deserialize)]
pub(crate) struct Item {
    pub(crate) location_id: i64,
    sku: String,
    location: String,
    available: i64,
    reorder_point: i64,
    pub(crate) severity: Option<Severity>,
}

/// An alert, or a test, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// One line.
    pub(crate) title: String,
    /// A sentence or two.
    pub(crate) text: String,
    /// Names and values.
    facts: Vec<(&'static str, String)>,
}

impl Message {
    /// What to say of an event; `None` where it is no alert.
    pub(crate) fn of(event: &str) -> Option<Self> {
        let told: Told<'_> = serde_json::from_str(event).ok()?;
        if told.event_type == inventory_domain::event::EventType::ReceiverTest.as_str() {
            return Some(Self {
                title: "Test of this channel".to_owned(),
                text: "Whoever reads this is told of alerts of the inventory.".to_owned(),
                facts: Vec::new(),
            });
        }
        let item: Item = serde_json::from_str(told.data.get()).ok()?;
        let kind = AlertKind::of(told.event_type, item.severity)?;
        let (sku, location) = (&item.sku, &item.location);
        let (word, text) = match kind {
            AlertKind::Low => (
                "Low",
                format!(
                    "{} units are left; the reorder point is {}.",
                    item.available, item.reorder_point
                ),
            ),
            AlertKind::Out => (
                "Out of stock",
                format!("Nothing is left; the reorder point is {}.", item.reorder_point),
            ),
            AlertKind::Recovered => (
                "Recovered",
                format!(
                    "{} units are there; the reorder point is {}.",
                    item.available, item.reorder_point
                ),
            ),
        };
        Some(Self {
            title: format!("{word}: {sku} at {location}"),
            text,
            facts: vec![
                ("Product", item.sku.clone()),
                ("Location", item.location.clone()),
                ("Available", item.available.to_string()),
                ("Reorder point", item.reorder_point.to_string()),
                ("Time", told.time.to_owned()),
            ],
        })
    }

    /// Plain text of several lines.
    pub(crate) fn plain(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.title, self.text);
        for (name, value) in &self.facts {
            text.extend(["\n", *name, ": ", value.as_str()]);
        }
        text
    }

    /// A page of HTML. Everything from outside is text in it.
    pub(crate) fn html(&self) -> String {
        let rows: String = self
            .facts
            .iter()
            .map(|(name, value)| {
                include_str!("templates/fact.html")
                    .replace("{name}", name)
                    .replace("{value}", &escaped(value))
            })
            .collect();
        // The facts last: what is in them is not looked at again.
        include_str!("templates/alert.html")
            .replacen("{title}", &escaped(&self.title), 2)
            .replacen("{text}", &escaped(&self.text), 1)
            .replacen("{facts}", &rows, 1)
    }

    /// A card for Microsoft Teams (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>).
    pub(crate) fn teams(&self) -> Value {
        let facts: Vec<_> = self
            .facts
            .iter()
            .map(|(name, value)| json!({ "title": name, "value": value }))
            .collect();
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        { "type": "TextBlock", "text": self.title, "weight": "Bolder", "size": "Medium", "wrap": true },
                        { "type": "TextBlock", "text": self.text, "wrap": true },
                        { "type": "FactSet", "facts": facts },
                    ],
                },
            }],
        })
    }

    /// A message for Slack (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
    pub(crate) fn slack(&self) -> Value {
        let fields: Vec<_> = self
            .facts
            .iter()
            .map(|(name, value)| json!({ "type": "plain_text", "text": format!("{name}: {value}") }))
            .collect();
        let mut blocks = vec![
            json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&self.title, 150) } }),
            json!({ "type": "section", "text": { "type": "plain_text", "text": self.text } }),
        ];
        if !fields.is_empty() {
            blocks.push(json!({ "type": "section", "fields": fields }));
        }
        // Three characters lead to users, channels and links otherwise.
        json!({ "text": escaped(&self.title), "blocks": blocks })
    }

    /// A text message.
    pub(crate) fn short(&self) -> String {
        cut(&format!("{}. {}", self.title, self.text), 320)
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event_type: &str, sku: &str, severity: Option<&str>) -> String {
        json!({
            "id": "1", "type": event_type, "subject": "inventory/1", "time": "2026-01-05T09:30:00.000000Z",
            "data": { "sku": sku, "location_id": 2, "location": "Warehouse A", "available": 15, "reorder_point": 20, "severity": severity },
        })
        .to_string()
    }

    #[test]
    fn alerts_are_told_in_words() {
        let message = Message::of(&event("inventory.stock.low", "TEA", None)).unwrap();
        assert_eq!(message.title, "Low: TEA at Warehouse A");
        assert_eq!(message.text, "15 units are left; the reorder point is 20.");
        assert!(message.plain().contains("\nLocation: Warehouse A\n"));
        assert_eq!(
            message.teams()["attachments"][0]["content"]["body"][2]["facts"][2]["value"],
            "15"
        );
        assert_eq!(message.slack()["blocks"][2]["fields"][0]["text"], "Product: TEA");
        assert_eq!(
            message.short(),
            "Low: TEA at Warehouse A. 15 units are left; the reorder point is 20."
        );
        let reminder = Message::of(&event("inventory.alert.reminded", "TEA", Some("out"))).unwrap();
        assert_eq!(reminder.title, "Out of stock: TEA at Warehouse A");
        assert_eq!(Message::of(&event("inventory.order.placed", "TEA", None)), None);
        assert_eq!(Message::of("{}"), None);
    }

    #[test]
    fn what_comes_from_outside_is_text() {
        let hostile = r#"<script>alert("x")</script>{facts}{text}<!channel>&"#;
        let message = Message::of(&event("inventory.stock.out", hostile, None)).unwrap();
        let html = message.html();
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
        assert!(!message.slack()["text"].as_str().unwrap().contains("<!channel>"));
        assert!(message.short().chars().count() <= 320);
    }
}
