//! Stock items: units of one product at one location.

use crate::{Check, Refusal, Timestamp, limits, movement::Reason};
use serde::{Deserialize, Serialize};

/// One product at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockItem {
    /// Positive, given by us.
    pub id: i64,
    /// The product.
    pub product_id: i64,
    /// Its SKU.
    pub sku: String,
    /// The location.
    pub location_id: i64,
    /// Its name.
    pub location: String,
    /// Units physically there (on hand).
    pub quantity: i64,
    /// Of those, units promised to orders.
    pub reserved: i64,
    /// Units that can still be promised: `quantity - reserved`.
    pub available: i64,
    /// Units ordered from suppliers that have not come yet.
    pub incoming: i64,
    /// At or below so many available units the item is low: its own reorder point, else the product's.
    pub reorder_point: i64,
    /// Grows with each change of the levels or the reorder point; the value of the `ETag`.
    pub version: i64,
    /// When the item came to be.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Adds units of a product at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddStock {
    /// The product, which must exist and not be archived.
    pub product_id: i64,
    /// Units to add, 0 to 10,000.
    pub quantity: i64,
    /// A location's code or name; an unknown one is created. `MAIN` where neither is given.
    #[serde(default)]
    pub location: Option<String>,
    /// A location's id, instead of its name.
    #[serde(default)]
    pub location_id: Option<i64>,
    /// A reorder point for this item alone; absent: as it was (the product's at first).
    #[serde(default)]
    pub reorder_point: Option<i64>,
}

impl AddStock {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.range("/product_id", self.product_id, 1, i64::MAX);
        check.range("/quantity", self.quantity, 0, limits::QUANTITY_MAX);
        if self.location.is_some() && self.location_id.is_some() {
            check.fail("/location_id", "ambiguous", "give location or location_id, not both");
        }
        if let Some(id) = self.location_id {
            check.range("/location_id", id, 1, i64::MAX);
        }
        check.text_opt("/location", self.location.as_deref(), limits::NAME_CHARS_MAX);
        if let Some(point) = self.reorder_point {
            check.range("/reorder_point", point, 0, limits::REORDER_MAX);
        }
        check.finish()
    }
}

/// Adds or takes away units, with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdjustStock {
    /// Units to add (positive) or take away (negative); not 0, at most 10,000 either way.
    pub delta: i64,
    /// Why.
    pub reason: Reason,
    /// A note for people.
    #[serde(default)]
    pub note: Option<String>,
}

impl AdjustStock {
    /// Refuses what breaks a rule.
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.range("/delta", self.delta, -limits::QUANTITY_MAX, limits::QUANTITY_MAX);
        if self.delta == 0 {
            check.fail("/delta", "zero", "must not be 0");
        }
        check.text_opt("/note", self.note.as_deref(), limits::NOTE_CHARS_MAX);
        check.finish()
    }
}

/// Overwrites a stock item's own values. An absolute quantity undoes what others did since it was read, so it needs the
/// version it starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StockChanges {
    /// Units on hand from now on, 0 to 10,000; needs `If-Match`.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// A reorder point for this item alone, or `null` to follow the product's.
    #[serde(default, deserialize_with = "crate::validation_serde::present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub reorder_point: Option<Option<i64>>,
}

impl StockChanges {
    /// Refuses what breaks a rule; `has_version` says whether the caller named the version it starts from.
    pub fn validate(&self, has_version: bool) -> Result<(), Refusal> {
        let mut check = Check::new();
        if let Some(quantity) = self.quantity {
            check.range("/quantity", quantity, 0, limits::QUANTITY_MAX);
        }
        if let Some(Some(point)) = self.reorder_point {
            check.range("/reorder_point", point, 0, limits::REORDER_MAX);
        }
        check.finish()?;
        if self.quantity.is_some() && !has_version {
            Err(Refusal::VersionRequired)
        } else {
            Ok(())
        }
    }
}

/// What all stock is worth, per currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockValue {
    /// ISO 4217 code.
    pub currency: String,
    /// Sum of quantity × unit price, in minor units.
    pub value_minor: i64,
    /// Units counted.
    pub quantity: i64,
    /// Stock items counted.
    pub items: i64,
}
