//! Shipments: units of an order that left together.

use crate::{Check, Refusal, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Units of an order that left together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shipment {
    /// Given by us.
    pub id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's reference.
    pub tracking: Option<String>,
    /// What is in it.
    pub lines: Vec<ShipmentLine>,
    /// When it left.
    pub shipped_at: Timestamp,
}

/// Units of one line in a [`Shipment`], from one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShipmentLine {
    /// The order's line.
    pub line: i64,
    /// The stock item that they left.
    pub stock_item_id: i64,
    /// Its location.
    pub location_id: i64,
    /// The location's name.
    pub location: String,
    /// Units.
    pub quantity: i64,
}

/// Some units of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LineUnits {
    /// The line's number in the order.
    pub line: i64,
    /// Units, 1 to 10,000; absent: all that there are.
    #[serde(default)]
    pub quantity: Option<i64>,
}

/// What leaves now. With nothing said: all that is reserved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewShipment {
    /// Lines with their units; absent: all that is reserved.
    #[serde(default)]
    pub lines: Option<Vec<LineUnits>>,
    /// Only what is reserved at this location.
    #[serde(default)]
    pub location_id: Option<i64>,
    /// Who carries it: at most 64 characters.
    #[serde(default)]
    pub carrier: Option<String>,
    /// The carrier's reference, at most 64 characters; nothing that names a person.
    #[serde(default)]
    pub tracking: Option<String>,
}

impl NewShipment {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check_units(&mut check, self.lines.as_deref());
        if let Some(id) = self.location_id {
            check.range("/location_id", id, 1, i64::MAX);
        }
        check.text_opt("/carrier", self.carrier.as_deref(), limits::CARRIER_CHARS_MAX);
        check.text_opt("/tracking", self.tracking.as_deref(), limits::TRACKING_CHARS_MAX);
        check.finish()
    }

    /// Whether everything is to leave, wherever it is.
    pub const fn is_everything(&self) -> bool {
        self.lines.is_none() && self.location_id.is_none()
    }
}

/// What is called off. With nothing said: all that has not left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewCancellation {
    /// Lines with their units; absent: all that has not left.
    #[serde(default)]
    pub lines: Option<Vec<LineUnits>>,
}

impl NewCancellation {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check_units(&mut check, self.lines.as_deref());
        check.finish()
    }
}

fn check_units(check: &mut Check, lines: Option<&[LineUnits]>) {
    let Some(lines) = lines else { return };
    if lines.is_empty() || lines.len() > limits::ORDER_LINES_MAX {
        let detail = format!("must have 1 to {} lines, has {}", limits::ORDER_LINES_MAX, lines.len());
        check.fail("/lines", "wrong_count", detail);
    }
    let mut seen = BTreeSet::new();
    for (index, units) in lines.iter().take(limits::ORDER_LINES_MAX).enumerate() {
        if !seen.insert(units.line) {
            check.fail(format!("/lines/{index}/line"), "repeated", "names a line twice");
        }
        if let Some(quantity) = units.quantity {
            check.range(&format!("/lines/{index}/quantity"), quantity, 1, limits::QUANTITY_MAX);
        }
    }
}
