//! Orders: what a customer wants, and what became of it.

use crate::{
    Check, Refusal, Timestamp, customer, limits,
    payment::{Payment, PaymentTerms},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

words! {
    /// Where an order is in its life.
    pub enum OrderStatus {
        /// Taken, not decided yet.
        Pending = "pending",
        /// Its units are reserved.
        Confirmed = "confirmed",
        /// Refused; see the reason. Final.
        Rejected = "rejected",
        /// Waits for stock; nothing is reserved for it.
        Backordered = "backordered",
        /// Some of its units have left, others have not yet.
        PartlyShipped = "partly_shipped",
        /// Its reserved units have left. Final.
        Shipped = "shipped",
        /// Called off; its units are available again. Final.
        Cancelled = "cancelled",
        /// Its hold ran out; its units are available again. Final.
        Expired = "expired",
    }
}

impl OrderStatus {
    /// Whether an order may go from this status to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        use OrderStatus::{Backordered, Cancelled, Confirmed, Expired, PartlyShipped, Pending, Rejected, Shipped};
        matches!(
            (self, next),
            (Pending, Confirmed | Rejected | Backordered | Cancelled)
                | (Backordered, Confirmed | Cancelled)
                | (Confirmed, Backordered | PartlyShipped | Shipped | Cancelled | Expired)
                | (PartlyShipped, Shipped)
        )
    }

    /// Whether units that are reserved for such an order may leave.
    pub const fn may_ship(self) -> bool {
        matches!(self, Self::Confirmed | Self::PartlyShipped)
    }

    /// Whether what has not left of such an order may be called off.
    pub const fn may_be_reduced(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Backordered | Self::Confirmed | Self::PartlyShipped
        )
    }

    /// Whether such an order ended without its goods.
    pub const fn is_void(self) -> bool {
        matches!(self, Self::Rejected | Self::Cancelled | Self::Expired)
    }
}

words! {
    /// What to do when not every unit is available.
    #[derive(Default)]
    pub enum OnShortage {
        /// Refuse the order.
        #[default]
        Reject = "reject",
        /// Reserve what is there; refuse only when nothing is.
        Partial = "partial",
        /// Let the order wait until all of it is there.
        Backorder = "backorder",
        /// Reserve what is there; let the rest wait, and reserve it as it comes.
        PartialBackorder = "partial_backorder",
    }
}

words! {
    /// Why an order is not simply confirmed.
    pub enum OrderReason {
        /// Fewer units were available than ordered.
        InsufficientStock = "insufficient_stock",
        /// Some units were reserved, not all.
        PartlyReserved = "partly_reserved",
        /// A product is archived.
        ProductArchived = "product_archived",
        /// Somebody called it off.
        CancelledByRequest = "cancelled_by_request",
        /// The hold's time was up.
        HoldExpired = "hold_expired",
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Order {
    /// Given by us, or by the producer of the order message.
    pub id: Uuid,
    /// Where the order is in its life.
    pub status: OrderStatus,
    /// The customer's id: all that events and the audit trail say of the customer.
    pub customer_id: i64,
    /// The customer's reference; `erased-<id>` where the customer was erased.
    pub customer: String,
    /// What to do when not every unit is available.
    pub on_shortage: OnShortage,
    /// Minutes its units stay reserved unless it is paid or begins to ship; `null`: no end.
    pub hold_minutes: Option<i64>,
    /// When its hold ends.
    pub expires_at: Option<Timestamp>,
    /// What was paid for it, or must be before it ships; `null`: nothing is known of that.
    pub payment: Option<Payment>,
    /// Why it is not simply confirmed.
    pub reason: Option<OrderReason>,
    /// What is ordered.
    pub lines: Vec<OrderLine>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was taken.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// The order as events and the audit trail tell it.
    pub const fn record(&self) -> OrderRecord<'_> {
        OrderRecord {
            id: self.id,
            status: self.status,
            customer_id: self.customer_id,
            on_shortage: self.on_shortage,
            hold_minutes: self.hold_minutes,
            expires_at: self.expires_at,
            payment: self.payment.as_ref(),
            reason: self.reason,
            lines: self.lines.as_slice(),
            version: self.version,
            created_at: self.created_at,
            decided_at: self.decided_at,
            updated_at: self.updated_at,
        }
    }

    /// Whether it waits for stock: what is open of its lines is reserved as it comes.
    pub const fn waits(&self) -> bool {
        match self.status {
            OrderStatus::Backordered => true,
            OrderStatus::Confirmed | OrderStatus::PartlyShipped => {
                matches!(self.on_shortage, OnShortage::PartialBackorder)
            }
            _ => false,
        }
    }

    /// Units that are wanted and not reserved.
    pub fn open(&self) -> i64 {
        self.lines.iter().map(OrderLine::open).sum()
    }

    /// The status that the units of its lines give, after units have left or were called off.
    pub fn settled_status(&self) -> OrderStatus {
        let held: i64 = self.lines.iter().map(OrderLine::held).sum();
        let has_shipped = self.lines.iter().any(|line| line.shipped > 0);
        let is_awaited = match self.status {
            OrderStatus::Pending => self.open() > 0,
            _ => self.waits() && self.open() > 0,
        };
        match (held > 0, is_awaited, has_shipped) {
            (false, false, true) => OrderStatus::Shipped,
            (false, false, false) => OrderStatus::Cancelled,
            (_, _, true) => OrderStatus::PartlyShipped,
            (true, _, false) => OrderStatus::Confirmed,
            (false, true, false) if self.status == OrderStatus::Pending => OrderStatus::Pending,
            (false, true, false) => OrderStatus::Backordered,
        }
    }
}

/// An [`Order`] without the customer's reference. What is told to others and kept for ever holds no personal data: a customer is
/// erased by blanking one row, and no history changes.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "each member is the order's of the same name")]
pub struct OrderRecord<'a> {
    pub id: Uuid,
    pub status: OrderStatus,
    pub customer_id: i64,
    pub on_shortage: OnShortage,
    pub hold_minutes: Option<i64>,
    pub expires_at: Option<Timestamp>,
    pub payment: Option<&'a Payment>,
    pub reason: Option<OrderReason>,
    pub lines: &'a [OrderLine],
    pub version: i64,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

/// One line of an order. `shipped <= reserved <= quantity` (invariant I5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderLine {
    /// Its number in the order, from 1.
    pub line: i64,
    /// The product.
    pub product_id: i64,
    /// Its SKU.
    pub sku: String,
    /// Units ordered.
    pub quantity: i64,
    /// Units reserved for it, shipped ones included.
    pub reserved: i64,
    /// Units that have left.
    pub shipped: i64,
    /// Units that were called off.
    pub cancelled: i64,
    /// Units that have left and come back.
    pub returned: i64,
}

impl OrderLine {
    /// A line of which nothing has become anything yet.
    pub const fn new(line: i64, product_id: i64, sku: String, quantity: i64) -> Self {
        Self {
            line,
            product_id,
            sku,
            quantity,
            reserved: 0,
            shipped: 0,
            cancelled: 0,
            returned: 0,
        }
    }

    /// Units that are wanted and not reserved.
    pub const fn open(&self) -> i64 {
        self.quantity - self.cancelled - self.reserved
    }

    /// Units that are reserved and have not left.
    pub const fn held(&self) -> i64 {
        self.reserved - self.shipped
    }

    /// Units that are wanted and have not left.
    pub const fn left(&self) -> i64 {
        self.quantity - self.cancelled - self.shipped
    }
}

/// An order as a client or a producer sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// The customer's reference: at most 100 characters, never a name or an address.
    pub customer: String,
    /// What to do when not every unit is available; `reject` where absent.
    #[serde(default)]
    pub on_shortage: OnShortage,
    /// Minutes to hold the units; absent: no end.
    #[serde(default)]
    pub hold_minutes: Option<i64>,
    /// `required`: the order waits for its payment under its hold, and does not ship without. Needs `hold_minutes`.
    #[serde(default)]
    pub payment: Option<PaymentTerms>,
    /// 1 to 200 lines.
    pub lines: Vec<NewOrderLine>,
}

/// One wanted line: a product by its id or its SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewOrderLine {
    /// The product's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<i64>,
    /// The product's SKU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Units, 1 to 10,000.
    pub quantity: i64,
}

impl NewOrder {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/customer", &self.customer, limits::CUSTOMER_CHARS_MAX);
        if customer::is_erased(&self.customer) {
            let detail = format!("must not begin with {:?}", customer::ERASED_PREFIX);
            check.fail("/customer", "reserved", detail);
        }
        self.check_wanted(&mut check);
        check.finish()
    }

    /// As [`NewOrder::validate`], where the customer is known by its id and `customer` says nothing.
    pub fn validate_for_known_customer(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        self.check_wanted(&mut check);
        check.finish()
    }

    fn check_wanted(&self, check: &mut Check) {
        if let Some(minutes) = self.hold_minutes {
            check.range("/hold_minutes", minutes, 1, limits::HOLD_MINUTES_MAX);
        } else if self.payment.is_some() {
            check.fail(
                "/hold_minutes",
                "missing",
                "an order that waits for its payment needs a hold",
            );
        }
        check_lines(check, &self.lines);
    }
}

/// Lines that name products and units: 1 to 200 of them, each with one name and a quantity.
pub(crate) fn check_lines(check: &mut Check, lines: &[NewOrderLine]) {
    if lines.is_empty() || lines.len() > limits::ORDER_LINES_MAX {
        check.fail(
            "/lines",
            "wrong_count",
            format!("must have 1 to {} lines, has {}", limits::ORDER_LINES_MAX, lines.len()),
        );
    }
    for (index, line) in lines.iter().take(limits::ORDER_LINES_MAX).enumerate() {
        match (line.product_id, line.sku.as_deref()) {
            (Some(id), None) if id > 0 => {}
            (Some(_), None) => {
                check.fail(format!("/lines/{index}/product_id"), "out_of_range", "must be positive");
            }
            (None, Some(sku)) => check.text(&format!("/lines/{index}/sku"), sku, limits::SKU_CHARS_MAX),
            _ => check.fail(format!("/lines/{index}"), "ambiguous", "give either product_id or sku"),
        }
        if !(1..=limits::QUANTITY_MAX).contains(&line.quantity) {
            check.fail(
                format!("/lines/{index}/quantity"),
                "out_of_range",
                format!("must be between 1 and {}, got {}", limits::QUANTITY_MAX, line.quantity),
            );
        }
    }
}

/// The id of an order whose producer gave none: the same message always gives the same order, however often it comes.
pub fn id_from_message(message_id: &str) -> Uuid {
    /// Namespace of ids made from message ids (a random UUID, fixed for ever).
    const NAMESPACE: Uuid = Uuid::from_u128(0x8f0d_6f6e_52c8_4f0e_9a53_3d5c_6f1b_7c11);
    Uuid::new_v5(&NAMESPACE, message_id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_stay() {
        use OrderStatus::*;
        for last in [Rejected, Shipped, Cancelled, Expired] {
            assert!(OrderStatus::ALL.iter().all(|next| !last.may_become(*next)));
        }
        assert!(Confirmed.may_become(Expired) && !Pending.may_become(Shipped) && !Backordered.may_become(Expired));
        assert!(
            !PartlyShipped.may_become(Cancelled) && !PartlyShipped.may_become(Expired),
            "units have left"
        );
    }

    #[test]
    fn every_wrong_line_is_named() {
        let line = |product_id, sku: Option<&str>, quantity| NewOrderLine {
            product_id,
            sku: sku.map(str::to_owned),
            quantity,
        };
        let order = NewOrder {
            customer: "C-1".into(),
            on_shortage: OnShortage::Reject,
            hold_minutes: Some(0),
            payment: None,
            lines: vec![
                line(Some(1), None, 0),
                line(None, None, 1),
                line(Some(1), Some("A"), 1),
                line(Some(-1), None, 10_001),
            ],
        };
        let Err(Refusal::Invalid(found)) = order.validate() else {
            panic!("must refuse")
        };
        let pointers: Vec<_> = found.iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/hold_minutes",
                "/lines/0/quantity",
                "/lines/1",
                "/lines/2",
                "/lines/3/product_id",
                "/lines/3/quantity"
            ]
        );
    }

    #[test]
    fn the_same_message_is_the_same_order() {
        assert_eq!(id_from_message("nw-10248"), id_from_message("nw-10248"));
        assert_ne!(id_from_message("nw-10248"), id_from_message("nw-10249"));
    }
}
