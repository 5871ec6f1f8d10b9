//! `payments_webhook`

use crate::http::{
    Answer, Context, Problem, Signed,
    document::Document,
    json,
    problem::{BAD_SIGNATURE, MALFORMED_JSON, NOT_FOUND},
};
use axum::extract::State;
use inventory_app::payments::{self, WebhookError};

pub(crate) async fn handle(State(context): State<Context>, message: Signed) -> Answer {
    let outcome = payments::webhook(context.app(), message.caller, &message.signature, &message.body)
        .await
        .map_err(|error| match error {
            WebhookError::Off => Problem::new(NOT_FOUND, "payments are not set up"),
            WebhookError::Signature(why) => Problem::new(BAD_SIGNATURE, why.to_string()),
            WebhookError::NotJson(why) => Problem::new(MALFORMED_JSON, why),
            WebhookError::Other(error) => error.into(),
        })?;
    json(&serde_json::json!({ "outcome": outcome }))
}

pub(crate) fn document() -> Document {
    Document::new(
        "Takes messages of Stripe about payments, signed by `Stripe-Signature`: `payment_intent.succeeded` and `charge.refunded`, whose \
         object names the order in `metadata.order_id`. A message that comes twice, late or in another order changes nothing more. An \
         order that has ended without its goods when it is paid is marked: its money is to be given back. Without \
         `PAYMENT_WEBHOOK_SECRETS` there is nothing here (404).",
    )
    .signed_body(serde_json::json!({
        "id": "evt_1PqrStUvWxYz",
        "type": "payment_intent.succeeded",
        "data": { "object": {
            "id": "pi_3PqrStUvWxYz",
            "amount_received": 106_250,
            "currency": "usd",
            "metadata": { "order_id": crate::examples::ORDER_ID },
        } },
    }))
    .other(
        200,
        "What became of it: `noted`, `repeated`, `kept` until its order is known, `parked`, or `ignored`.",
        "application/json",
        serde_json::json!({ "outcome": "noted" }),
    )
    .problems(&[BAD_SIGNATURE, NOT_FOUND])
}
