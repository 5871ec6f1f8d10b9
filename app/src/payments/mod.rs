//! What who takes the money (Stripe) tells us of payments.

mod message;
mod signature;

pub use signature::BadSignature;

use crate::{App, Caller, Error, clock};
use inventory_domain::parked::ParkReason;
use inventory_store::{
    parked::NewParked,
    payments::{self as store, Noted, Notice},
};
use serde::Serialize;

/// Where messages that cannot be right are said to come from.
const SOURCE: &str = "payments";

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The order knows now.
    Noted,
    /// It was heard before; nothing changed.
    Repeated,
    /// It is kept until another message says which order it is for.
    Kept,
    /// It was parked for a person to look at.
    Parked,
    /// It is about nothing of ours.
    Ignored,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No secret is set: there is no such thing here.
    #[error("payments are not set up")]
    Off,
    /// It is not believed.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// It is believed and cannot be read as JSON.
    #[error("{0}")]
    NotJson(String),
    /// As with everything else.
    #[error(transparent)]
    Other(#[from] Error),
}

/// Takes a message with its signature. Told twice, late or in another order, it gives the same.
///
/// # Errors
/// When payments are off, the signature is not right, the message cannot be read, or the database is away.
pub async fn webhook(app: &App, caller: Caller, header: &str, body: &[u8]) -> Result<Outcome, WebhookError> {
    let secrets = app.secrets().payment_webhook_secrets().borrow().clone();
    if secrets.is_empty() {
        return Err(WebhookError::Off);
    }
    signature::verify(header, body, &secrets, clock().micros().div_euclid(1_000_000))?;
    let value = serde_json::from_slice(body).map_err(|error| WebhookError::NotJson(error.to_string()))?;
    let Some(notice) = message::read(&value).map_err(Error::from)? else {
        return Ok(Outcome::Ignored);
    };
    let mut tx = app.store().begin(caller);
    let noted = store::note(&mut tx, &notice, parked(&notice))
        .await
        .map_err(Error::from)?;
    let has_events = tx.has_events();
    tx.commit().await.map_err(Error::from)?;
    if has_events {
        app.nudge().wake();
    }
    Ok(match noted {
        Noted::Order => Outcome::Noted,
        Noted::Repeated => Outcome::Repeated,
        Noted::Kept => Outcome::Kept,
        Noted::Parked(reason) => {
            tracing::warn!(%reason, "a message about a payment was parked");
            app.metrics().parked(1);
            Outcome::Parked
        }
    })
}

/// The message as it is parked: what was read of it, and nothing about persons.
fn parked(notice: &Notice) -> NewParked {
    let body = serde_json::json!({
        "id": notice.message_id,
        "type": notice.message_type,
        "payment_id": notice.payment_id,
        "order_id": notice.order_id,
        "currency": notice.currency,
        "paid_minor": notice.totals.paid_minor,
        "refunded_minor": notice.totals.refunded_minor,
    });
    NewParked {
        source: SOURCE.to_owned(),
        message_id: notice.message_id.clone(),
        delivery_count: 1,
        reason: ParkReason::Invalid,
        detail: String::new(),
        body: body.to_string(),
    }
}
