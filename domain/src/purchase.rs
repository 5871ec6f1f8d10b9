//! Purchase orders: what is ordered from a supplier for a location, and what of it has come.

use crate::{Check, Conflict, Refusal, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

words! {
    /// Where a purchase order is in its life.
    pub enum PurchaseStatus {
        /// Being written: nothing is on its way.
        Draft = "draft",
        /// Sent to the supplier: its units are incoming.
        Ordered = "ordered",
        /// Some of it has come.
        PartlyReceived = "partly_received",
        /// All of it has come. Final.
        Received = "received",
        /// Called off; what has come stays. Final.
        Cancelled = "cancelled",
    }
}

impl PurchaseStatus {
    /// Whether units of it are on their way.
    pub const fn is_incoming(self) -> bool {
        matches!(self, Self::Ordered | Self::PartlyReceived)
    }
}

/// What is ordered from a supplier for a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurchaseOrder {
    /// Positive, given by us.
    pub id: i64,
    /// Where it is in its life.
    pub status: PurchaseStatus,
    /// The supplier.
    pub supplier_id: i64,
    /// Its name.
    pub supplier: String,
    /// The location that it is delivered to.
    pub location_id: i64,
    /// Its name.
    pub location: String,
    /// What the supplier calls it.
    pub reference: Option<String>,
    /// A note for people.
    pub note: Option<String>,
    /// ISO 4217 code of what it costs.
    pub currency: String,
    /// Units ordered, of all lines.
    pub quantity: i64,
    /// Units received, of all lines.
    pub received: i64,
    /// What it costs as ordered, in minor units.
    pub cost_minor: i64,
    /// Its lines; absent in lists and events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<PurchaseLine>>,
    /// When it is expected.
    pub expected_at: Option<Timestamp>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was ordered.
    pub ordered_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One product of a purchase order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurchaseLine {
    /// From 1, in the order given.
    pub line: i64,
    /// The product.
    pub product_id: i64,
    /// Its SKU.
    pub sku: String,
    /// Units ordered.
    pub quantity: i64,
    /// Units received; more than ordered where that was allowed.
    pub received: i64,
    /// What one unit costs, in minor units.
    pub unit_cost_minor: i64,
}

impl PurchaseLine {
    /// Units that have not come yet.
    pub const fn outstanding(&self) -> i64 {
        if self.quantity > self.received {
            self.quantity - self.received
        } else {
            0
        }
    }
}

/// A change of what is incoming of a product, and of what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The product.
    pub product_id: i64,
    /// Units that have arrived.
    pub received: i64,
    /// Change of the units that are on their way.
    pub incoming_delta: i64,
}

impl PurchaseOrder {
    /// Without its lines: what a list and an event hold.
    #[must_use]
    pub fn summary(&self) -> Self {
        Self {
            lines: None,
            ..self.clone()
        }
    }

    /// Adds up what the lines say.
    pub fn sum_up(&mut self) {
        let lines = self.lines.as_deref().unwrap_or_default();
        self.quantity = lines.iter().map(|line| line.quantity).sum();
        self.received = lines.iter().map(|line| line.received).sum();
        self.cost_minor = lines.iter().map(|line| line.quantity * line.unit_cost_minor).sum();
    }

    fn must_be(&self, allowed: &[PurchaseStatus], what: &str) -> Result<(), Refusal> {
        if allowed.contains(&self.status) {
            return Ok(());
        }
        let detail = format!("purchase order {} is {} and cannot be {what}", self.id, self.status);
        Err(Refusal::conflict(Conflict::PurchaseState, detail))
    }

    /// Refuses a change of the lines of what is ordered already.
    pub fn expect_draft(&self) -> Result<(), Refusal> {
        self.must_be(&[PurchaseStatus::Draft], "changed in its lines")
    }

    /// Refuses a change of what is over.
    pub fn expect_open(&self) -> Result<(), Refusal> {
        use PurchaseStatus::{Draft, Ordered, PartlyReceived};
        self.must_be(&[Draft, Ordered, PartlyReceived], "changed")
    }

    /// It is ordered: all of it is on its way.
    pub fn order(&mut self, now: Timestamp) -> Result<Vec<Flow>, Refusal> {
        self.must_be(&[PurchaseStatus::Draft], "ordered")?;
        self.status = PurchaseStatus::Ordered;
        self.ordered_at = Some(now);
        Ok(self.flows(1))
    }

    /// It is called off: what has not come is no longer on its way.
    pub fn cancel(&mut self) -> Result<Vec<Flow>, Refusal> {
        use PurchaseStatus::{Cancelled, Draft, Ordered, PartlyReceived};
        self.must_be(&[Draft, Ordered, PartlyReceived], "cancelled")?;
        let flows = if self.status.is_incoming() {
            self.flows(-1)
        } else {
            Vec::new()
        };
        self.status = Cancelled;
        Ok(flows)
    }

    fn flows(&self, sign: i64) -> Vec<Flow> {
        let lines = self.lines.as_deref().unwrap_or_default();
        let flow = |line: &PurchaseLine| Flow {
            product_id: line.product_id,
            received: 0,
            incoming_delta: sign * line.outstanding(),
        };
        lines.iter().map(flow).filter(|flow| flow.incoming_delta != 0).collect()
    }

    /// Units of it have come. More than was ordered is refused unless the receipt says that it is meant.
    pub fn receive(&mut self, receipt: &Receipt) -> Result<Vec<Flow>, Refusal> {
        use PurchaseStatus::{Ordered, PartlyReceived, Received};
        self.must_be(&[Ordered, PartlyReceived], "received")?;
        let mut flows = Vec::with_capacity(receipt.lines.len());
        let lines = self.lines.get_or_insert_default();
        let mut check = Check::new();
        for (index, came) in receipt.lines.iter().enumerate() {
            let Some(line) = lines.iter_mut().find(|line| line.product_id == came.product_id) else {
                let detail = format!("product {} is not in the purchase order", came.product_id);
                check.fail(format!("/lines/{index}/product_id"), "not_ordered", detail);
                continue;
            };
            let outstanding = line.outstanding();
            if came.quantity > outstanding && !receipt.allow_over_receipt {
                return Err(Refusal::conflict(
                    Conflict::OverReceipt,
                    format!(
                        "{} units of {} are outstanding, {} came; say allow_over_receipt where all are taken",
                        outstanding, line.sku, came.quantity
                    ),
                ));
            }
            line.received += came.quantity;
            flows.push(Flow {
                product_id: line.product_id,
                received: came.quantity,
                incoming_delta: -came.quantity.min(outstanding),
            });
        }
        check.finish()?;
        self.status = if lines.iter().all(|line| line.outstanding() == 0) {
            Received
        } else {
            PartlyReceived
        };
        self.sum_up();
        Ok(flows)
    }
}

/// A line of a new purchase order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPurchaseLine {
    /// The product, which the supplier must have.
    pub product_id: i64,
    /// Units to order, 1 to 1,000,000.
    pub quantity: i64,
    /// What one unit costs, in minor units; the supplier's usual price where absent.
    #[serde(default)]
    pub unit_cost_minor: Option<i64>,
}

fn check_lines(check: &mut Check, lines: &[NewPurchaseLine]) {
    check_count(check, lines.len());
    if lines.len() > limits::PURCHASE_LINES_MAX {
        return;
    }
    let mut seen = HashSet::new();
    for (index, line) in lines.iter().enumerate() {
        let at = |name: &str| format!("/lines/{index}/{name}");
        check.range(&at("product_id"), line.product_id, 1, i64::MAX);
        check.range(&at("quantity"), line.quantity, 1, limits::PURCHASE_QUANTITY_MAX);
        if let Some(cost) = line.unit_cost_minor {
            check.range(&at("unit_cost_minor"), cost, 0, limits::UNIT_PRICE_MINOR_MAX);
        }
        if !seen.insert(line.product_id) {
            check.fail(at("product_id"), "repeated", "must be there once");
        }
    }
}

fn check_count(check: &mut Check, lines: usize) {
    if !(1..=limits::PURCHASE_LINES_MAX).contains(&lines) {
        let detail = format!("must be 1 to {} lines, got {lines}", limits::PURCHASE_LINES_MAX);
        check.fail("/lines", "out_of_range", detail);
    }
}

/// What it takes to create a purchase order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPurchaseOrder {
    /// The supplier.
    pub supplier_id: i64,
    /// The location that it is delivered to; `MAIN` where absent.
    #[serde(default)]
    pub location_id: Option<i64>,
    /// What the supplier calls it.
    #[serde(default)]
    pub reference: Option<String>,
    /// A note for people.
    #[serde(default)]
    pub note: Option<String>,
    /// When it is expected; where absent, ordering it says by the suppliers' lead times.
    #[serde(default)]
    pub expected_at: Option<Timestamp>,
    /// What is ordered, each product once, at most 200 lines.
    pub lines: Vec<NewPurchaseLine>,
}

impl NewPurchaseOrder {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.range("/supplier_id", self.supplier_id, 1, i64::MAX);
        if let Some(id) = self.location_id {
            check.range("/location_id", id, 1, i64::MAX);
        }
        check.text_opt("/reference", self.reference.as_deref(), limits::NAME_CHARS_MAX);
        check.text_opt("/note", self.note.as_deref(), limits::NOTE_CHARS_MAX);
        check_lines(&mut check, &self.lines);
        check.finish()
    }
}

/// Changes to a purchase order: a member that is absent stays as it is. Lines change as long as it is a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PurchaseChanges {
    /// What the supplier calls it.
    #[serde(default)]
    pub reference: Option<String>,
    /// A note for people.
    #[serde(default)]
    pub note: Option<String>,
    /// When it is expected.
    #[serde(default)]
    pub expected_at: Option<Timestamp>,
    /// All that is ordered from now on.
    #[serde(default)]
    pub lines: Option<Vec<NewPurchaseLine>>,
}

impl PurchaseChanges {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text_opt("/reference", self.reference.as_deref(), limits::NAME_CHARS_MAX);
        check.text_opt("/note", self.note.as_deref(), limits::NOTE_CHARS_MAX);
        if let Some(lines) = &self.lines {
            check_lines(&mut check, lines);
        }
        check.finish()
    }
}

/// Units of one product that have come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReceivedLine {
    /// The product.
    pub product_id: i64,
    /// Units that have come, 1 to 1,000,000.
    pub quantity: i64,
}

/// What has come of a purchase order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Each product once.
    pub lines: Vec<ReceivedLine>,
    /// Whether more than was ordered is taken; else it is refused.
    #[serde(default)]
    pub allow_over_receipt: bool,
    /// A note for the ledger.
    #[serde(default)]
    pub note: Option<String>,
}

impl Receipt {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check_count(&mut check, self.lines.len());
        check.text_opt("/note", self.note.as_deref(), limits::NOTE_CHARS_MAX);
        let mut seen = HashSet::new();
        for (index, line) in self.lines.iter().take(limits::PURCHASE_LINES_MAX).enumerate() {
            let at = |name: &str| format!("/lines/{index}/{name}");
            check.range(&at("product_id"), line.product_id, 1, i64::MAX);
            check.range(&at("quantity"), line.quantity, 1, limits::PURCHASE_QUANTITY_MAX);
            if !seen.insert(line.product_id) {
                check.fail(at("product_id"), "repeated", "must be there once");
            }
        }
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn order(quantities: &[i64]) -> PurchaseOrder {
        let line = |(index, &quantity): (usize, &i64)| PurchaseLine {
            line: index as i64 + 1,
            product_id: index as i64 + 1,
            sku: format!("P-{index}"),
            quantity,
            received: 0,
            unit_cost_minor: 10,
        };
        let now = Timestamp::from_micros(0);
        let mut order = PurchaseOrder {
            id: 1,
            status: PurchaseStatus::Draft,
            supplier_id: 1,
            supplier: "S".to_owned(),
            location_id: 1,
            location: "L".to_owned(),
            reference: None,
            note: None,
            currency: "USD".to_owned(),
            quantity: 0,
            received: 0,
            cost_minor: 0,
            lines: Some(quantities.iter().enumerate().map(line).collect()),
            expected_at: None,
            version: 1,
            created_at: now,
            ordered_at: None,
            updated_at: now,
        };
        order.sum_up();
        order
    }

    fn receipt(lines: &[(i64, i64)], allow_over_receipt: bool) -> Receipt {
        let line = |&(product_id, quantity): &(i64, i64)| ReceivedLine { product_id, quantity };
        Receipt {
            lines: lines.iter().map(line).collect(),
            allow_over_receipt,
            note: None,
        }
    }

    #[test]
    fn a_purchase_order_lives() {
        let now = Timestamp::from_micros(1);
        let mut purchase = order(&[5, 2]);
        assert!(purchase.receive(&receipt(&[(1, 1)], false)).is_err(), "not ordered yet");
        assert_eq!(purchase.order(now).unwrap().len(), 2);
        assert!(purchase.order(now).is_err());
        purchase.receive(&receipt(&[(1, 5)], false)).unwrap();
        assert_eq!(purchase.status, PurchaseStatus::PartlyReceived);
        assert!(matches!(
            purchase.receive(&receipt(&[(2, 3)], false)),
            Err(Refusal::Conflict {
                conflict: Conflict::OverReceipt,
                ..
            })
        ));
        assert!(matches!(
            purchase.receive(&receipt(&[(9, 1)], true)),
            Err(Refusal::Invalid(_))
        ));
        let flows = purchase.receive(&receipt(&[(2, 3)], true)).unwrap();
        assert_eq!((flows[0].received, flows[0].incoming_delta), (3, -2));
        assert_eq!(purchase.status, PurchaseStatus::Received);
        assert!(purchase.cancel().is_err());
    }

    proptest! {
        /// Whatever comes, what is on its way is what is ordered and has not come, and nothing at the end.
        #[test]
        fn incoming_is_what_is_outstanding(
            quantities in proptest::collection::vec(1_i64..50, 1..5),
            receipts in proptest::collection::vec((1_i64..6, 1_i64..60, any::<bool>()), 0..20),
            is_cancelled in any::<bool>(),
        ) {
            let mut purchase = order(&quantities);
            let mut incoming: HashMap<i64, i64> = HashMap::new();
            let mut apply = |flows: Vec<Flow>| for flow in flows {
                let now = incoming.entry(flow.product_id).or_default();
                *now += flow.incoming_delta;
                assert!(*now >= 0);
            };
            apply(purchase.order(Timestamp::from_micros(1)).unwrap());
            for (product_id, quantity, allow) in receipts {
                let before = purchase.clone();
                match purchase.clone().receive(&receipt(&[(product_id, quantity)], allow)) {
                    Ok(flows) => {
                        purchase.receive(&receipt(&[(product_id, quantity)], allow)).unwrap();
                        assert_eq!(purchase.received, before.received + quantity);
                        apply(flows);
                    }
                    Err(_) => assert_eq!(purchase, before),
                }
            }
            if is_cancelled && purchase.status != PurchaseStatus::Received {
                apply(purchase.cancel().unwrap());
            }
            for line in purchase.lines.as_deref().unwrap() {
                let expected = if purchase.status.is_incoming() { line.outstanding() } else { 0 };
                assert_eq!(incoming.get(&line.product_id).copied().unwrap_or(0), expected);
            }
        }
    }
}
