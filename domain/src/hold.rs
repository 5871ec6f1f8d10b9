//! Holds: units promised to somebody for a while, before there is an order.

use crate::{
    Check, Refusal, Timestamp, limits, location,
    order::{self, NewOrder, NewOrderLine, OnShortage},
    payment::PaymentTerms,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

words! {
    /// Where a hold is in its life.
    pub enum HoldStatus {
        /// Its units are reserved.
        Active = "active",
        /// Given back before its time; its units are available again. Final.
        Released = "released",
        /// Its time was up; its units are available again. Final.
        Expired = "expired",
        /// It has become an order, which has its id and its units. Final.
        Committed = "committed",
    }
}

/// Units held for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Given by us; the order that it becomes has the same.
    pub id: Uuid,
    /// Where the hold is in its life.
    pub status: HoldStatus,
    /// The caller's own name for it.
    pub reference: Option<String>,
    /// When its units are given back, unless it has ended before.
    pub expires_at: Timestamp,
    /// What is held where. A line of the request has several of these where its units come from several locations.
    pub lines: Vec<HoldLine>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Hold {
    /// Whether its time is up and nobody has ended it yet.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status == HoldStatus::Active && self.expires_at <= now
    }

    /// Refuses what needs a hold whose units are still reserved.
    pub fn expect_active(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.status == HoldStatus::Active && !self.is_due(now) {
            return Ok(());
        }
        let status = if self.is_due(now) {
            HoldStatus::Expired
        } else {
            self.status
        };
        let detail = format!("reservation {} is {status}", self.id);
        Err(Refusal::conflict(crate::Conflict::ReservationState, detail))
    }
}

/// Units of one stock item that a hold has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldLine {
    /// The number of the line in the request, from 1.
    pub line: i64,
    /// The product.
    pub product_id: i64,
    /// Its SKU.
    pub sku: String,
    /// The stock item.
    pub stock_item_id: i64,
    /// Where it is.
    pub location_id: i64,
    /// The name of that place.
    pub location: String,
    /// Units held.
    pub quantity: i64,
}

/// Asks for units to be held: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// 1 to 200 lines.
    pub lines: Vec<NewOrderLine>,
    /// Only from the location with this code or name.
    #[serde(default)]
    pub location: Option<String>,
    /// Only from this location, instead of its name.
    #[serde(default)]
    pub location_id: Option<i64>,
    /// Seconds from now on, at most thirty days; fifteen minutes where absent.
    #[serde(default)]
    pub expires_in_seconds: Option<i64>,
    /// Your own name for it (a cart, a quote), at most 100 characters; never a person's name or address.
    #[serde(default)]
    pub reference: Option<String>,
}

impl NewHold {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        order::check_lines(&mut check, &self.lines);
        location::check_place(
            &mut check,
            ("/location", self.location.as_deref()),
            ("/location_id", self.location_id),
        );
        if let Some(seconds) = self.expires_in_seconds {
            check.range("/expires_in_seconds", seconds, 1, limits::HOLD_SECONDS_MAX);
        }
        check.text_opt("/reference", self.reference.as_deref(), limits::REFERENCE_CHARS_MAX);
        check.finish()
    }

    /// When it ends, made now.
    #[must_use]
    pub fn expires_at(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(self.expires_in_seconds.unwrap_or(limits::HOLD_SECONDS_DEFAULT))
    }
}

/// Asks for more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldExtension {
    /// Seconds from now on, at most thirty days.
    pub expires_in_seconds: i64,
}

impl HoldExtension {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.range(
            "/expires_in_seconds",
            self.expires_in_seconds,
            1,
            limits::HOLD_SECONDS_MAX,
        );
        check.finish()
    }
}

/// Turns a hold into an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldCommit {
    /// The customer's reference: at most 100 characters, never a name or an address.
    pub customer: String,
    /// Minutes to hold the units for the order; absent: no end.
    #[serde(default)]
    pub hold_minutes: Option<i64>,
    /// `required`: the order waits for its payment under its hold, and does not ship without. Needs `hold_minutes`.
    #[serde(default)]
    pub payment: Option<PaymentTerms>,
}

impl HoldCommit {
    /// The order that a hold of these units becomes: one line for each of the hold's, in their order.
    #[must_use]
    pub fn order(&self, held: &[HoldLine]) -> NewOrder {
        let mut lines: Vec<(i64, NewOrderLine)> = Vec::new();
        for units in held {
            match lines.last_mut() {
                Some((line, wanted)) if *line == units.line => wanted.quantity += units.quantity,
                _ => {
                    let wanted = NewOrderLine {
                        product_id: Some(units.product_id),
                        sku: None,
                        quantity: units.quantity,
                    };
                    lines.push((units.line, wanted));
                }
            }
        }
        NewOrder {
            customer: self.customer.clone(),
            on_shortage: OnShortage::Reject,
            hold_minutes: self.hold_minutes,
            payment: self.payment,
            lines: lines.into_iter().map(|(_, wanted)| wanted).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(status: HoldStatus) -> Hold {
        Hold {
            id: Uuid::from_u128(1),
            status,
            reference: None,
            expires_at: Timestamp::from_micros(10),
            lines: Vec::new(),
            version: 1,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn a_hold_is_good_until_its_end_and_not_at_it() {
        let active = hold(HoldStatus::Active);
        assert!(active.expect_active(Timestamp::from_micros(9)).is_ok());
        assert!(active.expect_active(Timestamp::from_micros(10)).is_err());
        assert!(active.is_due(Timestamp::from_micros(10)));
        for ended in [HoldStatus::Released, HoldStatus::Expired, HoldStatus::Committed] {
            assert!(hold(ended).expect_active(Timestamp::from_micros(0)).is_err());
            assert!(!hold(ended).is_due(Timestamp::from_micros(99)));
        }
    }

    #[test]
    fn units_from_several_places_are_one_line_of_the_order() {
        let units = |line, location_id, quantity| HoldLine {
            line,
            product_id: line,
            sku: String::new(),
            stock_item_id: location_id,
            location_id,
            location: String::new(),
            quantity,
        };
        let commit = HoldCommit {
            customer: "C-1".to_owned(),
            hold_minutes: None,
            payment: None,
        };
        let order = commit.order(&[units(1, 1, 2), units(1, 2, 3), units(2, 1, 1)]);
        let lines: Vec<_> = order
            .lines
            .iter()
            .map(|line| (line.product_id, line.quantity))
            .collect();
        assert_eq!(lines, [(Some(1), 5), (Some(2), 1)]);
    }

    #[test]
    fn every_wrong_member_is_named() {
        let new = NewHold {
            lines: Vec::new(),
            location: Some("MAIN".to_owned()),
            location_id: Some(0),
            expires_in_seconds: Some(0),
            reference: Some("a\nb".to_owned()),
        };
        let Err(Refusal::Invalid(found)) = new.validate() else {
            panic!("must refuse")
        };
        let pointers: Vec<_> = found.iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/lines",
                "/location_id",
                "/location_id",
                "/expires_in_seconds",
                "/reference"
            ]
        );
    }
}
