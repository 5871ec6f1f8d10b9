//! What is heard of payments, in the database.

use crate::{
    StoreError, Tx,
    db::{Engine, FromRow, RECORDS, Reader, Run as _, Sql, Write, WriteSet, json},
    fulfilment::{self, Locked, RESERVATIONS_TAKEN},
    orders::{self, LINES_CHANGED, ORDERS_CHANGED, OrderRows},
    parked::{NewParked, PARKED},
};
use inventory_domain::{
    Refusal,
    event::EventType,
    order::Order,
    parked::ParkReason,
    payment::{Payment, Totals},
};
use serde::Serialize;
use uuid::Uuid;

const PAYMENTS: Write = Write {
    name: "payments",
    sql: "INSERT INTO payments AS p (id, order_id, currency, paid_minor, refunded_minor, updated_at)
          SELECT id, order_id, currency, paid_minor, refunded_minor, updated_at
          FROM {rows $rows r: id TEXT, order_id UUID, currency TEXT, paid_minor BIGINT, refunded_minor BIGINT, updated_at BIGINT}
          WHERE true
          ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, paid_minor = excluded.paid_minor,
          refunded_minor = excluded.refunded_minor, updated_at = excluded.updated_at",
};
const PAYMENT_MESSAGES: Write = Write {
    name: "payment_messages",
    sql: "INSERT INTO payment_messages (id, payment_id, type, received_at)
          SELECT id, payment_id, type, received_at
          FROM {rows $rows r: id TEXT, payment_id TEXT, type TEXT, received_at BIGINT} WHERE true ON CONFLICT DO NOTHING",
};

/// What a message about a payment may change.
static NOTES: WriteSet = WriteSet::new(&[
    &[
        ORDERS_CHANGED,
        LINES_CHANGED,
        RESERVATIONS_TAKEN,
        PAYMENTS,
        PAYMENT_MESSAGES,
        PARKED,
    ],
    RECORDS,
]);

/// A message about a payment, from who takes the money and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The message's id: the same message has the same.
    pub message_id: String,
    /// Its type, as its sender calls it.
    pub message_type: String,
    /// The payment's id there.
    pub payment_id: String,
    /// The order it is for, where it says so.
    pub order_id: Option<Uuid>,
    /// ISO 4217 code.
    pub currency: String,
    /// What it says was paid and given back in all.
    pub totals: Totals,
}

/// What became of a [`Notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The order knows now.
    Order,
    /// It was heard before; nothing changed.
    Repeated,
    /// It is kept until somebody says which order it is for.
    Kept,
    /// It cannot be right: parked for a person to look at.
    Parked(ParkReason),
}

struct Known {
    id: String,
    order_id: Option<Uuid>,
    currency: String,
    totals: Totals,
}

impl FromRow for Known {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text()?,
            order_id: row.uuid_opt()?,
            currency: row.text()?,
            totals: Totals {
                paid_minor: row.int()?,
                refunded_minor: row.int()?,
            },
        })
    }
}

#[derive(Serialize)]
struct PaymentRow<'a> {
    id: &'a str,
    order_id: Option<Uuid>,
    currency: &'a str,
    paid_minor: i64,
    refunded_minor: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct MessageRow<'a> {
    id: &'a str,
    payment_id: &'a str,
    #[serde(rename = "type")]
    message_type: &'a str,
    received_at: i64,
}

static OF_PAYMENT: Sql =
    Sql::new("SELECT id, order_id, currency, paid_minor, refunded_minor FROM payments WHERE id = $1");
static OF_ORDER: Sql =
    Sql::new("SELECT id, order_id, currency, paid_minor, refunded_minor FROM payments WHERE order_id = $1");
static HEARD: Sql = Sql::new("SELECT COUNT(*) FROM payment_messages WHERE id = $1");

/// Takes note of a message about a payment: of which order it is, what it is paid. `parked` is the message as it is kept where it
/// cannot be right.
///
/// # Errors
/// When the database is away.
pub async fn note(tx: &mut Tx, notice: &Notice, parked: NewParked) -> Result<Noted, StoreError> {
    // Messages of one payment one after the other, also those that do not say which order they are for.
    if tx.store().engine() == Engine::Postgres {
        static TURN: Sql = Sql::new("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
        let name = format!("payments\u{1f}{}", notice.payment_id);
        tx.execute(&TURN, &[(&name).into()]).await?;
    }
    if tx.one::<i64>(&HEARD, &[(&notice.message_id).into()]).await? > 0 {
        return Ok(Noted::Repeated);
    }
    let known: Option<Known> = tx.first(&OF_PAYMENT, &[(&notice.payment_id).into()]).await?;
    let known_order = known.as_ref().and_then(|known| known.order_id);
    let totals = known
        .as_ref()
        .map_or(notice.totals, |known| known.totals.and(notice.totals));
    let Some(order_id) = notice.order_id.or(known_order) else {
        tx.stage(&NOTES, rows(tx.now().micros(), notice, None, totals)?)?;
        return Ok(Noted::Kept);
    };
    let is_of_another = known_order.is_some_and(|known| known != order_id);
    let has_other_currency = known.is_some_and(|known| known.currency != notice.currency);
    if is_of_another || has_other_currency {
        return park(
            tx,
            parked,
            ParkReason::Invalid,
            "the payment is known with another order or currency",
        );
    }
    let locked = match fulfilment::lock(tx, order_id).await {
        Err(StoreError::Refused(Refusal::NotFound { .. })) => {
            return park(tx, parked, ParkReason::UnknownOrder, "no order has this id");
        }
        locked => locked?,
    };
    let others: Vec<Known> = tx.all(&OF_ORDER, &[order_id.into()]).await?;
    let mut sum = totals;
    for other in others.iter().filter(|other| other.id != notice.payment_id) {
        if other.currency != notice.currency {
            return park(
                tx,
                parked,
                ParkReason::Invalid,
                "the order was paid in another currency",
            );
        }
        sum.paid_minor += other.totals.paid_minor;
        sum.refunded_minor += other.totals.refunded_minor;
    }
    let mut all = rows(tx.now().micros(), notice, Some(order_id), totals)?;
    let payment = Payment::of(notice.currency.clone(), sum, locked.order.status);
    if locked.order.payment.as_ref() != Some(&payment) {
        all.extend(change(tx, locked, payment)?);
    }
    tx.stage(&NOTES, all)?;
    Ok(Noted::Order)
}

/// Gives an order its payment; the hold of one that is paid is over.
fn change(tx: &mut Tx, mut locked: Locked, payment: Payment) -> Result<Vec<(&'static str, String)>, StoreError> {
    let before = locked.order.clone();
    let had = before
        .payment
        .as_ref()
        .map_or((0, 0), |had| (had.paid_minor, had.refunded_minor));
    let (is_paid, is_refunded) = (payment.paid_minor > had.0, payment.refunded_minor > had.1);
    let order = &mut locked.order;
    if payment.allows_shipping() && order.status.may_be_reduced() {
        order.expires_at = None;
    }
    order.payment = Some(payment);
    let status = order.status;
    let event = if is_refunded {
        EventType::OrderRefunded
    } else {
        EventType::OrderPaid
    };
    orders::turn(tx, &before, order, status, "payments_webhook", event)?;
    if is_paid && is_refunded {
        // One message told both: that of the payment is on its way or was lost.
        tx.event(EventType::OrderPaid, orders::subject(order.id), &order.record())?;
    }
    let order: Order = locked.order.clone();
    let mut changed = OrderRows::default();
    changed.update(&order)?;
    let mut all = changed.into_changed()?;
    all.push(("reservations_taken", json(&locked.after(&order, &[], "active"))?));
    Ok(all)
}

/// The rows of the payment and of the message.
fn rows(
    now: i64,
    notice: &Notice,
    order_id: Option<Uuid>,
    totals: Totals,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let payment = PaymentRow {
        id: &notice.payment_id,
        order_id,
        currency: &notice.currency,
        paid_minor: totals.paid_minor,
        refunded_minor: totals.refunded_minor,
        updated_at: now,
    };
    let message = MessageRow {
        id: &notice.message_id,
        payment_id: &notice.payment_id,
        message_type: &notice.message_type,
        received_at: now,
    };
    Ok(vec![
        ("payments", json(&[payment])?),
        ("payment_messages", json(&[message])?),
    ])
}

fn park(tx: &mut Tx, parked: NewParked, reason: ParkReason, detail: &str) -> Result<Noted, StoreError> {
    let parked = NewParked {
        reason,
        detail: detail.to_owned(),
        ..parked
    };
    // Not noted as heard: sent again when it is right, it counts; until then it is parked once.
    tx.stage(&NOTES, [("parked", json(&NewParked::rows(&[parked], tx.now()))?)])?;
    Ok(Noted::Parked(reason))
}
