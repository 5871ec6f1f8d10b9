//! Orders: taken, decided, ended.

use crate::{
    App, Caller, Error, Page, TraceParent, Work, clock,
    telemetry::{Span, SpanKind},
};
use inventory_domain::{
    limits,
    order::{self, NewOrder, NewOrderLine, OnShortage, Order},
    parked::ParkReason,
    payment::PaymentTerms,
    shipment::{NewCancellation, NewShipment, Shipment},
    timeline::TimelineEntry,
};
pub use inventory_store::orders::{OrderFilter, SORTING};
use inventory_store::{
    Logged, StoreError, fulfilment, orders as store,
    parked::NewParked,
    processing::{self, OrderMessage, Outcome, Processed},
    shipments, timeline,
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// First wait before a batch is tried again while the database is away; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Orders expired in one transaction.
const EXPIRE_BATCH: i64 = 200;
/// Where order messages come from.
const QUEUE: &str = "orders";
/// Where the broker puts what it gave up on.
const DEAD_LETTER_QUEUE: &str = "orders/$deadletterqueue";

/// A page of orders, newest first.
pub async fn list(app: &App, filter: &OrderFilter, page: Page) -> Result<Vec<Order>, Error> {
    Ok(store::list(app.store(), filter, page).await?)
}

/// How many orders.
pub async fn count(app: &App, filter: &OrderFilter) -> Result<i64, Error> {
    Ok(store::count(app.store(), filter).await?)
}

/// One order.
pub async fn get(app: &App, id: Uuid) -> Result<Order, Error> {
    Ok(store::get(app.store(), id).await?)
}

/// Takes an order, to be decided from the queue.
pub async fn create(work: &mut Work, new: &NewOrder) -> Result<Order, Error> {
    Ok(store::create(work, new).await?)
}

/// Calls an order off, or some of its units.
pub async fn cancel(work: &mut Work, id: Uuid, version: Option<i64>, what: &NewCancellation) -> Result<Order, Error> {
    Ok(fulfilment::cancel(work, id, version, what).await?)
}

/// Ships an order, or some of its units.
pub async fn ship(work: &mut Work, id: Uuid, version: Option<i64>, what: &NewShipment) -> Result<Order, Error> {
    Ok(fulfilment::ship(work, id, version, what).await?)
}

/// A page of an order's shipments, oldest first.
///
/// # Errors
/// When there is no such order.
pub async fn shipments(app: &App, id: Uuid, page: Page) -> Result<Vec<Shipment>, Error> {
    let found = shipments::of_order(app.store(), id, page).await?;
    if found.is_empty() {
        // Tells "nothing has left" from "no such order".
        store::get(app.store(), id).await?;
    }
    Ok(found)
}

/// A page of what happened to an order, oldest first.
///
/// # Errors
/// When there is no such order.
pub async fn timeline(app: &App, id: Uuid, page: Page) -> Result<Vec<TimelineEntry>, Error> {
    let told = timeline::of_order(app.store(), id).await?;
    let (skip, limit) = (page.skip.max(0) as usize, page.limit.max(0) as usize);
    Ok(told.into_iter().skip(skip).take(limit).collect())
}

/// Expires every order whose hold has run out; says how many.
pub async fn expire(app: &App, caller: &Caller) -> Result<usize, Error> {
    let mut expired = 0;
    loop {
        let now = store::expire_due(app.store().begin(caller.clone()), EXPIRE_BATCH).await?;
        expired += now;
        if now > 0 {
            app.nudge().wake();
        }
        if now < EXPIRE_BATCH as usize {
            return Ok(expired);
        }
    }
}

/// A message from a queue.
#[derive(Clone, Debug)]
pub struct IncomingMessage {
    /// Its id.
    pub message_id: String,
    /// How often it was delivered.
    pub delivery_count: i64,
    /// Its body.
    pub body: String,
    /// Why the broker gave up on it, for a message of the dead-letter queue.
    pub dead_letter: Option<String>,
    /// Where in which trace it was sent, where it says so.
    pub trace: Option<TraceParent>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProcessReport {
    /// Orders decided now.
    pub decided: usize,
    /// Orders that had been decided before.
    pub repeated: usize,
    /// Messages parked.
    pub parked: usize,
}

/// An order message as producers send it: unknown members are left alone, so that a producer may say more than we read.
#[derive(Deserialize)]
struct Body {
    #[serde(alias = "id")]
    order_id: Option<Uuid>,
    customer: Option<String>,
    /// In place of `customer`: our own events carry no personal data.
    customer_id: Option<i64>,
    #[serde(default)]
    on_shortage: OnShortage,
    #[serde(default)]
    hold_minutes: Option<i64>,
    #[serde(default)]
    payment: Option<BodyPayment>,
    lines: Vec<BodyLine>,
}

/// A producer says what it asks for; our own events say how it stands, which we know better by now.
#[derive(Deserialize)]
#[serde(untagged)]
enum BodyPayment {
    Terms(PaymentTerms),
    State(IgnoredAny),
}

#[derive(Deserialize)]
struct BodyLine {
    product_id: Option<i64>,
    sku: Option<String>,
    quantity: i64,
}

/// A CloudEvent around an order message.
#[derive(Deserialize)]
struct Envelope {
    specversion: String,
    data: serde_json::Value,
}

fn read(message: &IncomingMessage) -> Result<OrderMessage, NewParked> {
    let park = |reason, detail: String| NewParked {
        source: QUEUE.to_owned(),
        message_id: message.message_id.clone(),
        delivery_count: message.delivery_count,
        reason,
        detail,
        body: message.body.clone(),
    };
    if message.body.len() > limits::ORDER_MESSAGE_BYTES_MAX {
        let detail = format!(
            "{} bytes are more than the {} that an order message may have",
            message.body.len(),
            limits::ORDER_MESSAGE_BYTES_MAX
        );
        return Err(park(ParkReason::TooLarge, detail));
    }
    let value: serde_json::Value =
        serde_json::from_str(&message.body).map_err(|error| park(ParkReason::NotJson, error.to_string()))?;
    let value = match (value.get("specversion").is_some(), value) {
        (true, value) => {
            let envelope: Envelope = serde_json::from_value(value)
                .map_err(|error| park(ParkReason::NotAnOrder, format!("not a CloudEvent: {error}")))?;
            if envelope.specversion != "1.0" {
                let detail = format!("CloudEvents {:?} is not known here", envelope.specversion);
                return Err(park(ParkReason::NotAnOrder, detail));
            }
            envelope.data
        }
        (false, value) => value,
    };
    let body: Body = serde_json::from_value(value).map_err(|error| park(ParkReason::NotAnOrder, error.to_string()))?;
    let line = |line: BodyLine| NewOrderLine {
        // Our own events name both; the id is the one that never changes.
        sku: line.sku.filter(|_| line.product_id.is_none()),
        product_id: line.product_id,
        quantity: line.quantity,
    };
    let order = NewOrder {
        customer: body.customer.unwrap_or_default(),
        on_shortage: body.on_shortage,
        hold_minutes: body.hold_minutes,
        payment: match body.payment {
            Some(BodyPayment::Terms(terms)) => Some(terms),
            Some(BodyPayment::State(IgnoredAny)) | None => None,
        },
        lines: body.lines.into_iter().map(line).collect(),
    };
    // Where both are given the reference counts, as it does for producers of old.
    let customer_id = body.customer_id.filter(|_| order.customer.is_empty());
    let valid = match customer_id {
        Some(_) => order.validate_for_known_customer(),
        None => order.validate(),
    };
    if let Err(refusal) = valid {
        let detail = match refusal {
            inventory_domain::Refusal::Invalid(violations) => {
                let all: Vec<_> = violations
                    .iter()
                    .map(|v| format!("{}: {}", v.pointer, v.detail))
                    .collect();
                all.join("; ")
            }
            other => other.to_string(),
        };
        return Err(park(ParkReason::Invalid, detail));
    }
    let order_id = body
        .order_id
        .unwrap_or_else(|| order::id_from_message(&message.message_id));
    Ok(OrderMessage {
        order_id,
        order,
        customer_id,
        trace: message.trace,
        message: park(ParkReason::UnknownProduct, String::new()),
    })
}

/// Messages that are decided together, and the spans of their decisions.
#[derive(Default)]
struct Part {
    messages: Vec<OrderMessage>,
    spans: Vec<Span>,
}

/// The span of a message's decision: in the trace of the message, so that an order is one tree, and linked to the batch.
fn span(app: &App, caller: &Caller, message: &IncomingMessage) -> Span {
    let parent = message.trace.or(caller.trace);
    if !app.traces().is_on() {
        return Span::unrecorded(parent);
    }
    let mut span = app.traces().start(SpanKind::Consumer, "decide order", parent, None);
    span.set("messaging.system", "servicebus");
    span.set("messaging.operation.type", "process");
    span.set("messaging.destination.name", QUEUE);
    span.set_with("messaging.message.id", || message.message_id.clone());
    if let Some(batch) = caller.trace {
        span.link(batch);
    }
    span
}

/// Tells a span what became of its message.
fn tell(span: &mut Span, outcome: Outcome) {
    let (name, value) = match outcome {
        Outcome::Decided(status) => ("inventory.order.status", status.as_str()),
        Outcome::Repeated(_) => ("inventory.order.repeated", "true"),
        Outcome::Parked(reason) => ("inventory.message.parked", reason.as_str()),
    };
    span.set(name, value);
}

/// Decides a batch of order messages. Each message is decided on its own: a bad one is parked and keeps no other from its
/// decision. While the database is away the batch is tried again, up to the setting's time.
///
/// # Errors
/// When the database stays away; then the queue delivers the whole batch again.
pub async fn process(app: &App, caller: &Caller, messages: Vec<IncomingMessage>) -> Result<ProcessReport, Error> {
    let mut readable = Part::default();
    let mut unreadable = Vec::new();
    for message in &messages {
        let mut span = span(app, caller, message);
        match read(message) {
            Ok(mut message) => {
                message.trace = span.trace();
                span.set_with("inventory.order.id", || message.order_id.to_string());
                readable.messages.push(message);
                readable.spans.push(span);
            }
            Err(parked) => {
                tell(&mut span, Outcome::Parked(parked.reason));
                unreadable.push(parked);
            }
        }
    }
    let mut report = ProcessReport {
        parked: unreadable.len(),
        ..ProcessReport::default()
    };
    let deadline = Instant::now() + app.settings().work.orders_retry_max;
    // A part that the database refuses is halved until the culprit is alone.
    let mut parts = VecDeque::from([readable]);
    while let Some(mut part) = parts.pop_front() {
        match persist(app, caller, &part.messages, &unreadable, deadline).await {
            Ok(processed) => {
                app.metrics().parked(unreadable.len());
                app.metrics().processed(&processed);
                unreadable.clear();
                for (span, outcome) in part.spans.iter_mut().zip(&processed.outcomes) {
                    tell(span, *outcome);
                }
                for outcome in processed.outcomes {
                    match outcome {
                        Outcome::Decided(_) => report.decided += 1,
                        Outcome::Repeated(_) => report.repeated += 1,
                        Outcome::Parked(_) => report.parked += 1,
                    }
                }
            }
            Err(StoreError::Data(error)) if part.messages.len() > 1 => {
                tracing::warn!(error = %Logged(&error), orders = part.messages.len(), "the database refuses a batch; halving it");
                let half = part.messages.len() / 2;
                let rest = Part {
                    messages: part.messages.split_off(half),
                    spans: part.spans.split_off(half),
                };
                parts.push_front(rest);
                parts.push_front(part);
            }
            Err(StoreError::Data(error)) if part.messages.len() == 1 => {
                tracing::error!(error = %Logged(&error), "the database refuses an order; parking it");
                let detail = error.to_string();
                for span in &mut part.spans {
                    tell(span, Outcome::Parked(ParkReason::DataRefused));
                }
                unreadable.extend(part.messages.into_iter().map(|order| NewParked {
                    reason: ParkReason::DataRefused,
                    detail: detail.clone(),
                    ..order.message
                }));
                report.parked += 1;
                parts.push_front(Part::default());
            }
            Err(error) => return Err(error.into()),
        }
    }
    app.nudge().wake();
    Ok(report)
}

/// One transaction, tried again while the database is away.
async fn persist(
    app: &App,
    caller: &Caller,
    messages: &[OrderMessage],
    unreadable: &[NewParked],
    deadline: Instant,
) -> Result<Processed, StoreError> {
    let mut wait = RETRY;
    loop {
        match processing::process(app.store(), caller, messages, unreadable).await {
            Err(StoreError::Unavailable(error)) if Instant::now() + wait < deadline => {
                tracing::warn!(error = %Logged(&error), "the database is away; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
            result => return result,
        }
    }
}

/// Writes what the broker gave up on into the parked table; says how many messages there were.
///
/// # Errors
/// When the database stays away.
pub async fn deadletter(app: &App, caller: &Caller, messages: Vec<IncomingMessage>) -> Result<usize, Error> {
    let parked: Vec<NewParked> = messages
        .into_iter()
        .map(|message| NewParked {
            source: DEAD_LETTER_QUEUE.to_owned(),
            message_id: message.message_id,
            delivery_count: message.delivery_count,
            reason: ParkReason::DeadLettered,
            detail: message
                .dead_letter
                .unwrap_or_else(|| "the broker gave no reason".to_owned()),
            body: message.body,
        })
        .collect();
    let deadline = Instant::now() + app.settings().work.orders_retry_max;
    persist(app, caller, &[], &parked, deadline).await?;
    app.metrics().parked(parked.len());
    tracing::warn!(messages = parked.len(), at = %clock(), "dead-lettered messages were parked");
    Ok(parked.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> IncomingMessage {
        IncomingMessage {
            message_id: "m-1".into(),
            delivery_count: 1,
            body: body.into(),
            dead_letter: None,
            trace: None,
        }
    }

    #[test]
    fn plain_messages_and_cloud_events_are_read() {
        let plain = r#"{"customer":"C-1","lines":[{"sku":"A","quantity":2}]}"#;
        let order = read(&message(plain)).unwrap();
        assert_eq!(order.order_id, order::id_from_message("m-1"));
        let id = "018f4e1c-7c4f-7a53-9a53-3d5c6f1b7c11";
        let event = format!(
            r#"{{"specversion":"1.0","id":"x","data":{{"id":"{id}","customer":"C-1","status":"pending","lines":[{{"line":1,"product_id":7,"sku":"A","quantity":2}}]}}}}"#
        );
        let order = read(&message(&event)).unwrap();
        assert_eq!(order.order_id.to_string(), id);
        assert_eq!(
            order.order.lines,
            [NewOrderLine {
                product_id: Some(7),
                sku: None,
                quantity: 2
            }]
        );
    }

    #[test]
    fn what_an_order_asks_of_its_payment_is_read() {
        let of = |payment: &str| {
            format!(
                r#"{{"customer":"C-1","hold_minutes":30,"payment":{payment},"lines":[{{"sku":"A","quantity":2}}]}}"#
            )
        };
        for (payment, expected) in [
            (r#""required""#, Some(PaymentTerms::Required)),
            ("null", None),
            // As our own events tell it: what it asked for is in the database.
            (
                r#"{"status":"paid","currency":"EUR","paid_minor":1,"refunded_minor":0,"is_refund_due":false}"#,
                None,
            ),
        ] {
            assert_eq!(
                read(&message(&of(payment))).unwrap().order.payment,
                expected,
                "{payment}"
            );
        }
        let unheld = r#"{"customer":"C-1","payment":"required","lines":[{"sku":"A","quantity":2}]}"#;
        assert_eq!(read(&message(unheld)).unwrap_err().reason, ParkReason::Invalid);
    }

    #[test]
    fn what_cannot_be_read_is_parked_with_its_reason() {
        let big = format!(r#"{{"customer":"{}"}}"#, "x".repeat(limits::ORDER_MESSAGE_BYTES_MAX));
        for (body, reason) in [
            ("not json", ParkReason::NotJson),
            ("", ParkReason::NotJson),
            ("[1,2]", ParkReason::NotAnOrder),
            (r#"{"customer":"C-1"}"#, ParkReason::NotAnOrder),
            (r#"{"customer":"C-1","lines":[]}"#, ParkReason::Invalid),
            (
                r#"{"customer":"C\u00001","lines":[{"sku":"A","quantity":1}]}"#,
                ParkReason::Invalid,
            ),
            (r#"{"specversion":"2.0","data":{}}"#, ParkReason::NotAnOrder),
            (big.as_str(), ParkReason::TooLarge),
        ] {
            assert_eq!(
                read(&message(body)).unwrap_err().reason,
                reason,
                "{}",
                &body[..body.len().min(60)]
            );
        }
    }
}
