//! Stock items: units of one product at one location.

use crate::{Check, Refusal, Timestamp, limits, location, movement::Reason};
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
    /// Where the units come from; `receipt` where absent.
    #[serde(default)]
    pub reason: Option<Reason>,
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
        location::check_place(
            &mut check,
            ("/location", self.location.as_deref()),
            ("/location_id", self.location_id),
        );
        check_reason(&mut check, self.reason(), self.quantity);
        if let Some(point) = self.reorder_point {
            check.range("/reorder_point", point, 0, limits::REORDER_MAX);
        }
        check.finish()
    }
}

impl AddStock {
    /// Where the units come from.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason.unwrap_or(Reason::Receipt)
    }
}

fn check_reason(check: &mut Check, reason: Reason, delta: i64) {
    if !reason.allows(delta) {
        let what = if delta > 0 {
            "adds no units"
        } else {
            "takes no units away"
        };
        check.fail(
            "/reason",
            "wrong_direction",
            format!("{reason} {what}; a correction does both"),
        );
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
        check_reason(&mut check, self.reason, self.delta);
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
    /// Why the quantity is another one; `correction` where absent.
    #[serde(default)]
    pub reason: Option<Reason>,
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
        if self.reason.is_some() && self.quantity.is_none() {
            check.fail("/reason", "needless", "says why the quantity changes; give a quantity");
        }
        check.finish()?;
        if self.quantity.is_some() && !has_version {
            Err(Refusal::VersionRequired)
        } else {
            Ok(())
        }
    }

    /// Why the quantity changes by `delta`.
    ///
    /// # Errors
    /// When the reason that was given does not go with it.
    pub fn reason(&self, delta: i64) -> Result<Reason, Refusal> {
        let reason = self.reason.unwrap_or(Reason::Correction);
        let mut check = Check::new();
        check_reason(&mut check, reason, delta);
        check.finish()?;
        Ok(reason)
    }
}

/// What a stock item held at a moment, as the ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockAt {
    /// The stock item.
    pub stock_item_id: i64,
    /// Its product.
    pub product_id: i64,
    /// The product's SKU, as it is now.
    pub sku: String,
    /// Its location.
    pub location_id: i64,
    /// The location's name, as it is now.
    pub location: String,
    /// Units that were there.
    pub quantity: i64,
    /// Of those, units that were promised.
    pub reserved: i64,
    /// Units that could still be promised.
    pub available: i64,
    /// The last movement by then.
    pub movement_id: i64,
    /// When that was.
    pub moved_at: Timestamp,
}

words! {
    /// By what the value of all stock is told apart, beside its currency.
    pub enum ValueBy {
        /// By location.
        Location = "location",
        /// By the products' category.
        Category = "category",
    }
}

/// What all stock is worth, per currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockValue {
    /// The location, where told apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<i64>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The category, where told apart by it; `null` for products without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub category: Option<Option<String>>,
    /// ISO 4217 code.
    pub currency: String,
    /// Sum of quantity × unit price, in minor units.
    pub value_minor: i64,
    /// Units counted.
    pub quantity: i64,
    /// Stock items counted.
    pub items: i64,
}
