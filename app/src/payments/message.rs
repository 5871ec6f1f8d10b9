//! What a message of Stripe says about a payment (<https://docs.stripe.com/api/events/types>). Only what is needed is read: names,
//! addresses and cards stay where they are.

use inventory_domain::{Refusal, limits, payment::Totals};
use inventory_store::payments::Notice;
use serde::Deserialize;
use uuid::Uuid;

/// Characters of an id at Stripe, by its word.
const ID_CHARS_MAX: usize = 255;
/// The member of `metadata` that names our order.
const ORDER_ID: &str = "order_id";

#[derive(Deserialize)]
struct Message {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

/// A payment intent or a charge.
#[derive(Deserialize)]
struct Object {
    id: String,
    currency: String,
    #[serde(default)]
    metadata: serde_json::Map<String, serde_json::Value>,
    /// Of an intent: what was received.
    amount_received: Option<i64>,
    /// Of a charge: what was taken, and what of that was given back in all.
    amount_captured: Option<i64>,
    amount_refunded: Option<i64>,
    /// Of a charge: the intent that it belongs to, by its id or whole.
    #[serde(default)]
    payment_intent: serde_json::Value,
}

/// Reads a message; `None`: it says nothing about money that has come or gone.
///
/// # Errors
/// When it is not a message, or lacks what one of its type has.
pub(super) fn read(body: &serde_json::Value) -> Result<Option<Notice>, Refusal> {
    let message = Message::deserialize(body).map_err(|error| wrong("", &error))?;
    check_id("/id", &message.id)?;
    let is_refund = match message.kind.as_str() {
        "payment_intent.succeeded" => false,
        "charge.refunded" => true,
        _ => return Ok(None),
    };
    let object = Object::deserialize(&message.data.object).map_err(|error| wrong("/data/object", &error))?;
    let amount = |name: &str, value: Option<i64>| {
        let pointer = format!("/data/object/{name}");
        match value {
            Some(value) if (0..=limits::PAYMENT_MINOR_MAX).contains(&value) => Ok(value),
            Some(_) => Err(Refusal::invalid(pointer, "out_of_range", "is no amount")),
            None => Err(Refusal::invalid(pointer, "missing", "must be given")),
        }
    };
    let (payment_id, totals) = if is_refund {
        let totals = Totals {
            // Whatever is given back was taken, although the message about that may come later.
            paid_minor: amount("amount_captured", object.amount_captured)?,
            refunded_minor: amount("amount_refunded", object.amount_refunded)?,
        };
        let intent = object
            .payment_intent
            .as_str()
            .or_else(|| object.payment_intent["id"].as_str());
        (intent.map_or_else(|| object.id.clone(), str::to_owned), totals)
    } else {
        let totals = Totals {
            paid_minor: amount("amount_received", object.amount_received)?,
            refunded_minor: 0,
        };
        (object.id.clone(), totals)
    };
    check_id("/data/object/id", &payment_id)?;
    let currency = object.currency.to_ascii_uppercase();
    let mut check = inventory_domain::Check::new();
    check.currency("/data/object/currency", &currency);
    check.finish()?;
    // What names no order of ours is somebody else's business.
    let order_id = object
        .metadata
        .get(ORDER_ID)
        .and_then(|id| Uuid::parse_str(id.as_str()?).ok());
    if order_id.is_none() && !is_refund {
        return Ok(None);
    }
    Ok(Some(Notice {
        message_id: message.id,
        message_type: message.kind,
        payment_id,
        order_id,
        currency,
        totals,
    }))
}

fn check_id(pointer: &str, id: &str) -> Result<(), Refusal> {
    let mut check = inventory_domain::Check::new();
    check.text(pointer, id, ID_CHARS_MAX);
    check.finish()
}

fn wrong(pointer: &str, error: &serde_json::Error) -> Refusal {
    Refusal::invalid(pointer, "wrong_type", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ORDER: &str = "019b8d7a-7c00-7000-8000-000000000001";

    fn message(message_type: &str, object: &serde_json::Value) -> Result<Option<Notice>, Refusal> {
        read(
            &json!({ "id": "evt_1", "object": "event", "type": message_type, "data": { "object": object }, "livemode": false }),
        )
    }

    #[test]
    fn money_that_comes_and_goes_is_read() {
        let paid = json!({ "id": "pi_1", "amount": 1250, "amount_received": 1250, "currency": "eur", "metadata": { "order_id": ORDER } });
        let paid = message("payment_intent.succeeded", &paid).unwrap().unwrap();
        assert_eq!(
            (paid.payment_id.as_str(), paid.currency.as_str(), paid.totals.paid_minor),
            ("pi_1", "EUR", 1250)
        );
        assert_eq!(paid.order_id.map(|id| id.to_string()).as_deref(), Some(ORDER));
        for intent in [json!("pi_1"), json!({ "id": "pi_1" })] {
            let charge = json!({ "id": "ch_1", "amount": 1250, "amount_captured": 1250, "amount_refunded": 250, "currency": "eur",
                "payment_intent": intent, "billing_details": { "email": "jane@example.com" } });
            let back = message("charge.refunded", &charge).unwrap().unwrap();
            let totals = Totals {
                paid_minor: 1250,
                refunded_minor: 250,
            };
            assert_eq!(
                (back.payment_id.as_str(), back.totals, back.order_id),
                ("pi_1", totals, None)
            );
            assert!(!format!("{back:?}").contains("jane"));
        }
    }

    #[test]
    fn what_is_no_money_of_ours_is_left_alone() {
        assert_eq!(message("customer.created", &json!({})).unwrap(), None);
        let other =
            json!({ "id": "pi_1", "amount_received": 1, "currency": "eur", "metadata": { "order_id": "4711" } });
        assert_eq!(message("payment_intent.succeeded", &other).unwrap(), None);
    }

    #[test]
    fn what_lacks_something_is_refused() {
        for object in [
            json!({}),
            json!({ "id": "pi_1", "currency": "eur", "metadata": { "order_id": ORDER } }),
            json!({ "id": "pi_1", "amount_received": -1, "currency": "eur", "metadata": { "order_id": ORDER } }),
            json!({ "id": "pi_1", "amount_received": 1, "currency": "euro", "metadata": { "order_id": ORDER } }),
            json!({ "id": "", "amount_received": 1, "currency": "eur", "metadata": { "order_id": ORDER } }),
            json!({ "id": "pi_1", "amount_received": "1", "currency": "eur", "metadata": { "order_id": ORDER } }),
        ] {
            assert!(message("payment_intent.succeeded", &object).is_err(), "{object}");
        }
        assert!(read(&json!([1])).is_err());
    }
}
