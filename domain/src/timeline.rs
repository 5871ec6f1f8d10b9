//! What happened to an order, told from what is kept for ever: the order, its shipments and returns, and the audit trail. (Events
//! are for others, and forgotten after a while.)

use crate::{
    Timestamp,
    order::{Order, OrderReason, OrderStatus},
    payment::Payment,
    returns::Return,
    shipment::Shipment,
};
use serde::{Deserialize, Serialize};

words! {
    /// What happened to an order.
    pub enum Happening {
        /// It came.
        Placed = "placed",
        /// It was decided: its units, or some of them, are reserved.
        Confirmed = "confirmed",
        /// It was decided: it is refused.
        Rejected = "rejected",
        /// It was decided: it waits for stock.
        Backordered = "backordered",
        /// Stock came that it had waited for.
        Filled = "filled",
        /// Units left.
        Shipped = "shipped",
        /// Units were called off.
        Cancelled = "cancelled",
        /// Its hold ran out.
        Expired = "expired",
        /// Units came back.
        Returned = "returned",
        /// Money came.
        Paid = "paid",
        /// Money was given back.
        Refunded = "refunded",
        /// Money is to be given back: it ended without its goods.
        RefundDue = "refund_due",
    }
}

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
    /// The order's status afterwards, where that is known.
    pub status: Option<OrderStatus>,
    /// Why it is not simply confirmed.
    pub reason: Option<OrderReason>,
    /// The units that it happened to.
    pub lines: Vec<TimelineLine>,
    /// Of units that left: their shipment.
    pub shipment: Option<Shipment>,
    /// Of units that came back: their return.
    pub returned: Option<Return>,
    /// Of money: how it stands with it since.
    pub payment: Option<Payment>,
}

/// Units of one line that something happened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineLine {
    /// The line's number in the order.
    pub line: i64,
    /// Units.
    pub quantity: i64,
}

/// A row of the order's audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done (`orders_cancel`).
    pub action: String,
    /// When.
    pub at: Timestamp,
    /// The order's JSON before.
    pub before: Option<String>,
    /// The order's JSON after.
    pub after: Option<String>,
}

/// As much of an order as is needed; what older rows do not say was nothing then.
#[derive(Default, Deserialize)]
struct Record {
    status: Option<OrderStatus>,
    #[serde(default)]
    reason: Option<OrderReason>,
    #[serde(default)]
    payment: Option<Payment>,
    #[serde(default)]
    lines: Vec<RecordLine>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RecordLine {
    line: i64,
    quantity: i64,
    #[serde(default)]
    reserved: i64,
    #[serde(default)]
    shipped: i64,
    #[serde(default)]
    cancelled: i64,
}

impl Record {
    fn read(text: Option<&String>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Of how many units of each line something is true now that was not before.
    fn since(&self, before: &Self, units: fn(&RecordLine) -> i64) -> Vec<TimelineLine> {
        let had = |number: i64| before.lines.iter().find(|line| line.line == number).map_or(0, units);
        let more = self.lines.iter().map(|line| TimelineLine {
            line: line.line,
            quantity: units(line) - had(line.line),
        });
        more.filter(|line| line.quantity > 0).collect()
    }
}

/// Everything that happened to `order`, oldest first.
pub fn tell(order: &Order, changes: &[Change], shipments: Vec<Shipment>, returns: Vec<Return>) -> Vec<TimelineEntry> {
    let entry = |at, what| TimelineEntry {
        at,
        what,
        status: None,
        reason: None,
        lines: Vec::new(),
        shipment: None,
        returned: None,
        payment: None,
    };
    let mut told = vec![TimelineEntry {
        status: Some(OrderStatus::Pending),
        lines: lines(order.lines.iter().map(|line| (line.line, line.quantity))),
        ..entry(order.created_at, Happening::Placed)
    }];
    for change in changes {
        told.extend(happenings(change));
    }
    for shipment in shipments {
        told.push(TimelineEntry {
            lines: lines(shipment.lines.iter().map(|line| (line.line, line.quantity))),
            shipment: Some(shipment.clone()),
            ..entry(shipment.shipped_at, Happening::Shipped)
        });
    }
    for returned in returns {
        told.push(TimelineEntry {
            lines: lines(returned.lines.iter().map(|line| (line.line, line.quantity))),
            returned: Some(returned.clone()),
            ..entry(returned.returned_at, Happening::Returned)
        });
    }
    // What happened at one time stays in the order in which it was told.
    told.sort_by_key(|entry| entry.at);
    told
}

/// What a row of the trail says.
fn happenings(change: &Change) -> Vec<TimelineEntry> {
    let (before, after) = (
        Record::read(change.before.as_ref()),
        Record::read(change.after.as_ref()),
    );
    let entry = |what, lines| TimelineEntry {
        at: change.at,
        what,
        status: after.status,
        reason: after.reason,
        lines,
        shipment: None,
        returned: None,
        payment: None,
    };
    match change.action.as_str() {
        "orders_process" => {
            let (what, lines) = match after.status {
                Some(OrderStatus::Rejected) => (Happening::Rejected, Vec::new()),
                Some(OrderStatus::Backordered) => (Happening::Backordered, Vec::new()),
                _ => (Happening::Confirmed, after.since(&before, |line| line.reserved)),
            };
            vec![entry(what, lines)]
        }
        "orders_backfill" => vec![entry(Happening::Filled, after.since(&before, |line| line.reserved))],
        "orders_cancel" => {
            let mut lines = after.since(&before, |line| line.cancelled);
            if lines.is_empty() {
                // A row of when orders were called off as a whole.
                lines = self::lines(after.lines.iter().map(|line| (line.line, line.quantity - line.shipped)));
            }
            vec![entry(Happening::Cancelled, lines)]
        }
        "orders_expire" => vec![entry(
            Happening::Expired,
            before.since(&Record::default(), |line| line.reserved),
        )],
        "payments_webhook" => {
            let sums = |record: &Record| {
                record
                    .payment
                    .as_ref()
                    .map_or((0, 0), |p| (p.paid_minor, p.refunded_minor))
            };
            let ((paid_before, refunded_before), (paid, refunded)) = (sums(&before), sums(&after));
            let of = |what| TimelineEntry {
                payment: after.payment.clone(),
                ..entry(what, Vec::new())
            };
            let paid = (paid > paid_before).then(|| of(Happening::Paid));
            paid.into_iter()
                .chain((refunded > refunded_before).then(|| of(Happening::Refunded)))
                .collect()
        }
        "inventory.order.refund_due" => vec![entry(Happening::RefundDue, Vec::new())],
        // Told by the shipment, the return, or the order itself.
        _ => Vec::new(),
    }
}

fn lines(units: impl Iterator<Item = (i64, i64)>) -> Vec<TimelineLine> {
    let mut lines: Vec<TimelineLine> = Vec::new();
    for (line, quantity) in units.filter(|(_, quantity)| *quantity > 0) {
        match lines.last_mut() {
            // From several locations, or for several reasons.
            Some(last) if last.line == line => last.quantity += quantity,
            _ => lines.push(TimelineLine { line, quantity }),
        }
    }
    lines
}
