//! How each kind of channel is told.

use super::{channels::Details, message::Message, outbound::Sent, vault};
use crate::App;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use inventory_domain::channel::ChannelKind;
use inventory_store::receivers::Receiver;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use uuid::Uuid;

const UNREADABLE: &str = "the channel cannot be read";

/// Tells a channel, other than a webhook, of an event.
pub(super) async fn tell(
    app: &App,
    receiver: &Receiver,
    kind: ChannelKind,
    event_id: Uuid,
    event: &str,
) -> Result<Sent, String> {
    let details: Details = receiver.details().map_err(|_| UNREADABLE)?;
    let message = Message::of(event).ok_or("the event is no alert")?;
    if kind == ChannelKind::Email {
        let smtp = app
            .settings()
            .receivers
            .smtp
            .as_ref()
            .ok_or("there is no mail server")?;
        let id = format!("{event_id}.{}", receiver.id);
        return app.mailer().send(smtp, &details.to, &message, &id).await;
    }
    let secrets = vault::open(app, receiver)?;
    let mut headers = HeaderMap::new();
    let (url, body, media_type) = match kind {
        ChannelKind::Sms => {
            let (account, token) = (details.account_sid.ok_or(UNREADABLE)?, secrets.token.ok_or(UNREADABLE)?);
            let credentials = format!("Basic {}", BASE64.encode(format!("{account}:{token}")));
            let mut credentials = HeaderValue::try_from(credentials).map_err(|_| UNREADABLE)?;
            credentials.set_sensitive(true);
            headers.insert(AUTHORIZATION, credentials);
            let base = &app.settings().receivers.twilio_url;
            let url = format!("{base}/2010-04-01/Accounts/{account}/Messages.json");
            let form = text_message(&details.to, details.from.as_deref(), &message).ok_or(UNREADABLE)?;
            (url, form, "application/x-www-form-urlencoded")
        }
        ChannelKind::Teams => (
            secrets.url.ok_or(UNREADABLE)?,
            message.teams().to_string(),
            "application/json",
        ),
        _ => (
            secrets.url.ok_or(UNREADABLE)?,
            message.slack().to_string(),
            "application/json",
        ),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(app.outbound().post(&url, headers, body).await)
}

/// The form of <https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>.
fn text_message(to: &[String], from: Option<&str>, message: &Message) -> Option<String> {
    // The query of an address is written as a form is.
    let mut form = reqwest::Url::parse("https://form.invalid").ok()?;
    form.query_pairs_mut()
        .append_pair("To", to.first()?)
        .append_pair("From", from?)
        .append_pair("Body", &message.short());
    form.query().map(str::to_owned)
}
