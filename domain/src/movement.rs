//! Movements: the append-only ledger. On hand and reserved are the sums of its deltas (invariant I2).

use crate::Timestamp;
use serde::Serialize;
use uuid::Uuid;

words! {
    /// What kind of change a movement records.
    pub enum MovementKind {
        /// Units arrived.
        Receipt = "receipt",
        /// Units were added or taken away for a reason.
        Adjustment = "adjustment",
        /// Units were promised to an order or held.
        Reservation = "reservation",
        /// A promise was taken back (cancelled order, released hold).
        Release = "release",
        /// A hold's time was up.
        Expiry = "expiry",
        /// Units left for a customer.
        Shipment = "shipment",
        /// Units came back from a customer, to be sold again.
        Return = "return",
    }
}

words! {
    /// Why an adjustment was made.
    pub enum Reason {
        /// Goods received.
        Receipt = "receipt",
        /// Sold outside the order process.
        Sale = "sale",
        /// Came back from a customer.
        Return = "return",
        /// Broken.
        Damage = "damage",
        /// Cannot be found.
        Loss = "loss",
        /// Stolen.
        Theft = "theft",
        /// Past its date.
        Expiry = "expiry",
        /// Given away to be tried or tested.
        Sample = "sample",
        /// Turned up again.
        Found = "found",
        /// A count showed another number.
        Count = "count",
        /// Moved from or to another place.
        Transfer = "transfer",
        /// An earlier entry was wrong.
        Correction = "correction",
        /// Loaded from a file.
        Import = "import",
    }
}

impl Reason {
    /// Whether a change of the units on hand by `delta` can have this reason: what is broken has gone, what was found has come.
    pub const fn allows(self, delta: i64) -> bool {
        match self {
            Self::Receipt | Self::Return | Self::Found => delta >= 0,
            Self::Sale | Self::Damage | Self::Loss | Self::Theft | Self::Expiry | Self::Sample => delta <= 0,
            Self::Count | Self::Transfer | Self::Correction | Self::Import => true,
        }
    }
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movement {
    /// Positive, given by us; grows with time for one stock item.
    pub id: i64,
    /// The stock item it changed.
    pub stock_item_id: i64,
    /// What kind of change.
    pub kind: MovementKind,
    /// Change of the units on hand.
    pub on_hand_delta: i64,
    /// Change of the units reserved.
    pub reserved_delta: i64,
    /// Units on hand afterwards.
    pub on_hand_after: i64,
    /// Units reserved afterwards.
    pub reserved_after: i64,
    /// Why, where somebody gave a reason.
    pub reason: Option<Reason>,
    /// A note for people.
    pub note: Option<String>,
    /// The order or reservation it was done for.
    pub order_id: Option<Uuid>,
    /// Who did it.
    pub actor: String,
    /// When.
    pub created_at: Timestamp,
}
