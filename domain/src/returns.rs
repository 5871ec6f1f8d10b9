//! Returns: units of an order that came back.

use crate::{Check, Conflict, Refusal, Timestamp, limits, order::Order};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

words! {
    /// What becomes of units that came back.
    pub enum Disposition {
        /// They are on hand again.
        Restock = "restock",
        /// They are lost to us: nothing changes on the shelf.
        WriteOff = "write_off",
    }
}

words! {
    /// Why units came back.
    pub enum ReturnReason {
        /// The customer does not want them.
        Unwanted = "unwanted",
        /// They are not what was ordered.
        WrongItem = "wrong_item",
        /// They were broken on the way.
        Damaged = "damaged",
        /// They do not work.
        Defective = "defective",
        /// They never reached the customer.
        Undelivered = "undelivered",
        /// Anything else.
        Other = "other",
    }
}

/// Units of an order that came back together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Return {
    /// Given by us.
    pub id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// What came back.
    pub lines: Vec<ReturnLine>,
    /// When it came back.
    pub returned_at: Timestamp,
}

/// Units of one line that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReturnLine {
    /// The order's line.
    pub line: i64,
    /// Units.
    pub quantity: i64,
    /// What became of them.
    pub disposition: Disposition,
    /// Why they came back.
    pub reason: ReturnReason,
    /// The stock item that has them now; `null` for what was written off.
    pub stock_item_id: Option<i64>,
}

/// What came back, as a client says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewReturn {
    /// Where what is restocked is now; absent: where it left.
    #[serde(default)]
    pub location_id: Option<i64>,
    /// 1 to 200 lines.
    pub lines: Vec<NewReturnLine>,
}

/// Units of one line that came back, as a client says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewReturnLine {
    /// The line's number in the order.
    pub line: i64,
    /// Units, 1 to 10,000.
    pub quantity: i64,
    /// What becomes of them.
    pub disposition: Disposition,
    /// Why they came back.
    pub reason: ReturnReason,
}

impl NewReturn {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        if let Some(id) = self.location_id {
            check.range("/location_id", id, 1, i64::MAX);
        }
        if self.lines.is_empty() || self.lines.len() > limits::ORDER_LINES_MAX {
            let count = self.lines.len();
            let detail = format!("must have 1 to {} lines, has {count}", limits::ORDER_LINES_MAX);
            check.fail("/lines", "wrong_count", detail);
        }
        for (index, line) in self.lines.iter().take(limits::ORDER_LINES_MAX).enumerate() {
            check.range(
                &format!("/lines/{index}/quantity"),
                line.quantity,
                1,
                limits::QUANTITY_MAX,
            );
        }
        check.finish()
    }

    /// Notes on `order` what came back.
    ///
    /// # Errors
    /// When it has no such line, or more of one would have come back than has left.
    pub fn apply(&self, order: &mut Order) -> Result<(), Refusal> {
        let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
        for (index, new) in self.lines.iter().enumerate() {
            if order.lines.iter().all(|line| line.line != new.line) {
                return Err(unknown_line(index, new.line));
            }
            *wanted.entry(new.line).or_default() += new.quantity;
        }
        for line in &mut order.lines {
            let quantity = wanted.get(&line.line).copied().unwrap_or(0);
            let away = line.shipped - line.returned;
            if quantity > away {
                let detail = format!(
                    "of line {} {away} units are with the customer, not {quantity}",
                    line.line
                );
                return Err(Refusal::conflict(Conflict::OrderLineUnits, detail));
            }
            line.returned += quantity;
        }
        Ok(())
    }
}

pub(crate) fn unknown_line(index: usize, line: i64) -> Refusal {
    let detail = format!("the order has no line {line}");
    Refusal::invalid(format!("/lines/{index}/line"), "unknown_line", detail)
}
