//! Transfers: stock on its way from one location to another.

use crate::{Check, Conflict, Refusal, Timestamp, limits, location, order, order::NewOrderLine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

words! {
    /// Where a transfer is in its life.
    pub enum TransferStatus {
        /// Planned; nothing has moved.
        Draft = "draft",
        /// Its units have left and have not arrived: nobody's available.
        InTransit = "in_transit",
        /// What has arrived is on hand, what has not is lost. Final.
        Received = "received",
        /// Called off; what was on its way is back where it came from. Final.
        Cancelled = "cancelled",
    }
}

impl TransferStatus {
    /// Whether a transfer may go from this status to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        use TransferStatus::{Cancelled, Draft, InTransit, Received};
        matches!(
            (self, next),
            (Draft, InTransit | Cancelled) | (InTransit, Received | Cancelled)
        )
    }
}

/// Stock on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transfer {
    /// Positive, given by us.
    pub id: i64,
    /// Where the transfer is in its life.
    pub status: TransferStatus,
    /// Where it comes from.
    pub from_location_id: i64,
    /// The name of that place.
    pub from_location: String,
    /// Where it goes.
    pub to_location_id: i64,
    /// The name of that place.
    pub to_location: String,
    /// A note for people.
    pub note: Option<String>,
    /// What is sent.
    pub lines: Vec<TransferLine>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When its units left.
    pub dispatched_at: Option<Timestamp>,
    /// When they arrived.
    pub received_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Transfer {
    /// Refuses a step that its status does not allow.
    pub fn expect(&self, next: TransferStatus) -> Result<(), Refusal> {
        if self.status.may_become(next) {
            return Ok(());
        }
        let detail = format!("transfer {} is {} and cannot become {next}", self.id, self.status);
        Err(Refusal::conflict(Conflict::TransferState, detail))
    }
}

/// One line of a transfer. `received <= quantity`; the rest of a received one is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransferLine {
    /// Its number in the transfer, from 1.
    pub line: i64,
    /// The product.
    pub product_id: i64,
    /// Its SKU.
    pub sku: String,
    /// Units sent.
    pub quantity: i64,
    /// Units that have arrived.
    pub received: i64,
    /// Units that have not, once it is received.
    pub lost: i64,
}

/// Plans a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// The code or name of the location it comes from.
    #[serde(default)]
    pub from_location: Option<String>,
    /// That location's id, instead of its name.
    #[serde(default)]
    pub from_location_id: Option<i64>,
    /// The code or name of the location it goes to.
    #[serde(default)]
    pub to_location: Option<String>,
    /// That location's id, instead of its name.
    #[serde(default)]
    pub to_location_id: Option<i64>,
    /// A note for people.
    #[serde(default)]
    pub note: Option<String>,
    /// 1 to 200 lines.
    pub lines: Vec<NewOrderLine>,
}

impl NewTransfer {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        for (name, text, id_name, id) in [
            (
                "/from_location",
                &self.from_location,
                "/from_location_id",
                self.from_location_id,
            ),
            (
                "/to_location",
                &self.to_location,
                "/to_location_id",
                self.to_location_id,
            ),
        ] {
            if text.is_none() && id.is_none() {
                check.fail(name, "missing", "must be given");
            }
            location::check_place(&mut check, (name, text.as_deref()), (id_name, id));
        }
        check.text_opt("/note", self.note.as_deref(), limits::NOTE_CHARS_MAX);
        order::check_lines(&mut check, &self.lines);
        check.finish()
    }
}

/// Changes to a draft: a member that is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TransferChanges {
    /// A note for people, or `null` for none.
    #[serde(default, deserialize_with = "crate::validation_serde::present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub note: Option<Option<String>>,
    /// What is sent instead, 1 to 200 lines.
    #[serde(default)]
    pub lines: Option<Vec<NewOrderLine>>,
}

impl TransferChanges {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        if let Some(note) = &self.note {
            check.text_opt("/note", note.as_deref(), limits::NOTE_CHARS_MAX);
        }
        if let Some(lines) = &self.lines {
            order::check_lines(&mut check, lines);
        }
        check.finish()
    }
}

/// Says what has arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TransferReceipt {
    /// The lines of which something is missing. Of the others all has arrived.
    #[serde(default)]
    pub lines: Option<Vec<ArrivedLine>>,
}

/// What has arrived of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ArrivedLine {
    /// The number of the line.
    pub line: i64,
    /// Units that have arrived, 0 to what was sent.
    pub quantity: i64,
}

impl TransferReceipt {
    /// The lines of a transfer with what has arrived and what is lost.
    ///
    /// # Errors
    /// When a line is named that there is not, is named twice, or more of it has arrived than was sent.
    pub fn apply(&self, sent: &[TransferLine]) -> Result<Vec<TransferLine>, Refusal> {
        let mut check = Check::new();
        let mut arrived: BTreeMap<i64, i64> = BTreeMap::new();
        for (index, received) in self.lines.iter().flatten().enumerate() {
            let Some(line) = sent.iter().find(|line| line.line == received.line) else {
                let detail = format!("the transfer has no line {}", received.line);
                check.fail(format!("/lines/{index}/line"), "unknown_line", detail);
                continue;
            };
            let pointer = format!("/lines/{index}/quantity");
            check.range(&pointer, received.quantity, 0, line.quantity);
            if arrived.insert(received.line, received.quantity).is_some() {
                check.fail(format!("/lines/{index}/line"), "repeated", "must be named once");
            }
        }
        check.finish()?;
        let line = |line: &TransferLine| {
            let received = arrived.get(&line.line).copied().unwrap_or(line.quantity);
            TransferLine {
                received,
                lost: line.quantity - received,
                ..line.clone()
            }
        };
        Ok(sent.iter().map(line).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: i64, quantity: i64) -> TransferLine {
        TransferLine {
            line,
            product_id: line,
            sku: String::new(),
            quantity,
            received: 0,
            lost: 0,
        }
    }

    fn receipt(lines: &[(i64, i64)]) -> TransferReceipt {
        let lines = lines.iter().map(|&(line, quantity)| ArrivedLine { line, quantity });
        TransferReceipt {
            lines: Some(lines.collect()),
        }
    }

    #[test]
    fn what_is_not_named_has_arrived_and_what_is_missing_is_lost() {
        let lines = receipt(&[(2, 3)]).apply(&[sent(1, 4), sent(2, 5)]).unwrap();
        let found: Vec<_> = lines.iter().map(|line| (line.received, line.lost)).collect();
        assert_eq!(found, [(4, 0), (3, 2)]);
    }

    #[test]
    fn nothing_arrives_that_was_not_sent() {
        for (lines, pointer) in [
            (&[(1, 5)][..], "/lines/0/quantity"),
            (&[(1, -1)], "/lines/0/quantity"),
            (&[(7, 1)], "/lines/0/line"),
            (&[(1, 1), (1, 2)], "/lines/1/line"),
        ] {
            let Err(Refusal::Invalid(found)) = receipt(lines).apply(&[sent(1, 4)]) else {
                panic!("must refuse {lines:?}")
            };
            assert_eq!(found[0].pointer, pointer);
        }
    }

    #[test]
    fn final_states_stay() {
        use TransferStatus::*;
        for last in [Received, Cancelled] {
            assert!(TransferStatus::ALL.iter().all(|next| !last.may_become(*next)));
        }
        assert!(!Draft.may_become(Received) && !InTransit.may_become(Draft));
    }
}
