//! What should be ordered: a suggestion for each stock item whose position has come down to its reorder level.
//!
//! The position of a stock item is what is available, on its way, and written into drafts. It is held against the reorder
//! level: the reorder point, or the demand until a delivery arrives with the safety stock on top, whichever is more.

use crate::{Check, Refusal, limits};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Days whose sales are looked at where nobody says.
pub const WINDOW_DAYS_DEFAULT: i64 = 28;
/// Days of demand that an order covers beyond the reorder level where nobody says.
pub const COVER_DAYS_DEFAULT: i64 = 7;

/// How demand is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Days whose sales are looked at.
    pub window_days: i64,
    /// Days of demand that an order covers beyond the reorder level.
    pub cover_days: i64,
}

impl Default for Horizon {
    fn default() -> Self {
        Self {
            window_days: WINDOW_DAYS_DEFAULT,
            cover_days: COVER_DAYS_DEFAULT,
        }
    }
}

/// The numbers that a suggestion is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Needs {
    /// Units that can be promised.
    pub available: i64,
    /// Units ordered that have not come.
    pub incoming: i64,
    /// Units in purchase orders that are drafts.
    pub drafted: i64,
    /// The stock item's reorder point.
    pub reorder_point: i64,
    /// Units that the product is ordered in at least.
    pub reorder_quantity: i64,
    /// Units that should still be there when a delivery arrives.
    pub safety_stock: i64,
    /// Days from ordering to receiving.
    pub lead_time_days: i64,
    /// Units that the supplier wants to be ordered at least.
    pub minimum_quantity: i64,
    /// Units in a pack.
    pub pack_size: i64,
    /// Units sold in the days looked at.
    pub sold: i64,
    /// The days looked at: fewer than asked for where the stock item is younger, but a week at least.
    pub demand_days: i64,
    /// Days of demand that the order covers beyond the reorder level.
    pub cover_days: i64,
}

/// A share of `sold`, rounded up: what is sold in `days` when `sold` was sold in `of` days.
const fn demand(sold: i64, days: i64, of: i64) -> i64 {
    let of = if of > 0 { of } else { 1 };
    let product = sold.saturating_mul(days);
    product / of + (product % of != 0) as i64
}

impl Needs {
    /// Units that are sold until a delivery arrives, as far as the sales looked at tell. (The store's SQL uses the same integer
    /// arithmetic.)
    pub const fn lead_time_demand(&self) -> i64 {
        demand(self.sold, self.lead_time_days, self.demand_days)
    }

    /// At or below so many units in position something is ordered.
    pub fn reorder_level(&self) -> i64 {
        self.reorder_point
            .max(self.lead_time_demand().saturating_add(self.safety_stock))
    }

    /// What is there to sell, or will be.
    pub const fn position(&self) -> i64 {
        self.available + self.incoming + self.drafted
    }

    /// Units to order: enough to be above the reorder level for the days to cover, no fewer than product and supplier want,
    /// in whole packs. `None` where nothing is to be ordered.
    pub fn quantity(&self) -> Option<i64> {
        let missing = self.reorder_level() - self.position();
        if missing < 0 {
            return None;
        }
        let cover = demand(self.sold, self.cover_days, self.demand_days).max(1);
        let wanted = missing
            .saturating_add(cover)
            .max(self.reorder_quantity)
            .max(self.minimum_quantity)
            .min(limits::PURCHASE_QUANTITY_MAX);
        let pack = self.pack_size.max(1);
        let packs = wanted / pack + i64::from(wanted % pack != 0);
        // More than an order may have is cut down to whole packs again.
        let packs = packs.min((limits::PURCHASE_QUANTITY_MAX / pack).max(1));
        Some(packs * pack)
    }
}

/// What should be ordered for a stock item, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// The stock item.
    pub stock_item_id: i64,
    /// Its product.
    pub product_id: i64,
    /// The product's SKU.
    pub sku: String,
    /// The product's name.
    pub name: String,
    /// Its location.
    pub location_id: i64,
    /// The location's name.
    pub location: String,
    /// Who to order from.
    pub supplier_id: i64,
    /// The supplier's name.
    pub supplier: String,
    /// Units to order.
    pub quantity: i64,
    /// What one unit costs, in minor units.
    pub unit_cost_minor: i64,
    /// ISO 4217 code of the cost.
    pub currency: String,
    /// Units sold until a delivery arrives, as far as the sales looked at tell.
    pub lead_time_demand: i64,
    /// At or below so many units in position something is ordered.
    pub reorder_level: i64,
    /// What is available, incoming and drafted.
    pub position: i64,
    /// The numbers that it is made from.
    pub needs: Needs,
}

/// A suggestion that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// The stock item that something is suggested for.
    pub stock_item_id: i64,
    /// Units to order instead of those suggested, 1 to 1,000,000.
    #[serde(default)]
    pub quantity: Option<i64>,
}

/// Suggestions that become purchase orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Replenishment {
    /// The chosen ones, each stock item once, at most 200.
    pub items: Vec<Chosen>,
    /// Whether the purchase orders are ordered at once; else they are drafts.
    #[serde(default)]
    pub place: bool,
    /// Days whose sales are looked at, 1 to 365; 28 where absent.
    #[serde(default)]
    pub window_days: Option<i64>,
    /// Days of demand to cover beyond the reorder level, 0 to 365; 7 where absent.
    #[serde(default)]
    pub cover_days: Option<i64>,
}

impl Replenishment {
    /// How demand is looked at.
    pub fn horizon(&self) -> Horizon {
        Horizon {
            window_days: self.window_days.unwrap_or(WINDOW_DAYS_DEFAULT),
            cover_days: self.cover_days.unwrap_or(COVER_DAYS_DEFAULT),
        }
    }

    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        let Horizon {
            window_days,
            cover_days,
        } = self.horizon();
        check.range("/window_days", window_days, 1, limits::DEMAND_DAYS_MAX);
        check.range("/cover_days", cover_days, 0, limits::DEMAND_DAYS_MAX);
        if !(1..=limits::PURCHASE_LINES_MAX).contains(&self.items.len()) {
            let detail = format!(
                "must be 1 to {} items, got {}",
                limits::PURCHASE_LINES_MAX,
                self.items.len()
            );
            check.fail("/items", "out_of_range", detail);
            return check.finish();
        }
        let mut seen = HashSet::new();
        for (index, item) in self.items.iter().enumerate() {
            let at = |name: &str| format!("/items/{index}/{name}");
            check.range(&at("stock_item_id"), item.stock_item_id, 1, i64::MAX);
            if let Some(quantity) = item.quantity {
                check.range(&at("quantity"), quantity, 1, limits::PURCHASE_QUANTITY_MAX);
            }
            if !seen.insert(item.stock_item_id) {
                check.fail(at("stock_item_id"), "repeated", "must be there once");
            }
        }
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDS: Needs = Needs {
        available: 15,
        incoming: 0,
        drafted: 0,
        reorder_point: 20,
        reorder_quantity: 0,
        safety_stock: 5,
        lead_time_days: 7,
        minimum_quantity: 1,
        pack_size: 1,
        sold: 84,
        demand_days: 28,
        cover_days: 7,
    };

    #[test]
    fn suggestions_are_what_one_works_out_by_hand() {
        // Three a day: 21 until the delivery, 26 with the safety stock; 11 are missing, 21 cover a week.
        assert_eq!((NEEDS.lead_time_demand(), NEEDS.reorder_level()), (21, 26));
        assert_eq!(NEEDS.quantity(), Some(32));
        let packs = Needs { pack_size: 12, ..NEEDS };
        assert_eq!(packs.quantity(), Some(36));
        let least = Needs {
            minimum_quantity: 100,
            ..packs
        };
        assert_eq!(least.quantity(), Some(108));
        let usual = Needs {
            reorder_quantity: 50,
            ..NEEDS
        };
        assert_eq!(usual.quantity(), Some(50));
        let on_its_way = Needs { incoming: 12, ..NEEDS };
        assert_eq!(on_its_way.quantity(), None);
        let drafted = Needs { drafted: 11, ..NEEDS };
        assert_eq!(drafted.quantity(), Some(21), "at the level is low, as everywhere");
        let unsold = Needs { sold: 0, ..NEEDS };
        assert_eq!((unsold.reorder_level(), unsold.quantity()), (20, Some(6)));
    }

    fn any_needs() -> impl Strategy<Value = Needs> {
        (
            (0_i64..5_000, 0_i64..5_000, 0_i64..5_000, 0_i64..5_000),
            (0_i64..2_000, 0_i64..2_000, 0_i64..=365, 1_i64..5_000),
            (1_i64..500, 0_i64..50_000, 1_i64..=365, 0_i64..=365),
        )
            .prop_map(|(a, b, c)| Needs {
                available: a.0,
                incoming: a.1,
                drafted: a.2,
                reorder_point: a.3,
                reorder_quantity: b.0,
                safety_stock: b.1,
                lead_time_days: b.2,
                minimum_quantity: b.3,
                pack_size: c.0,
                sold: c.1,
                demand_days: c.2,
                cover_days: c.3,
            })
    }

    proptest! {
        /// Whole packs, no fewer than wanted, and enough: what is ordered is not suggested again.
        #[test]
        fn a_suggestion_that_is_taken_is_gone(needs in any_needs()) {
            match needs.quantity() {
                None => prop_assert!(needs.position() > needs.reorder_level()),
                Some(quantity) => {
                    prop_assert!(needs.position() <= needs.reorder_level());
                    prop_assert_eq!(quantity % needs.pack_size, 0);
                    prop_assert!(quantity <= limits::PURCHASE_QUANTITY_MAX);
                    if quantity + needs.pack_size <= limits::PURCHASE_QUANTITY_MAX {
                        prop_assert!(quantity >= needs.minimum_quantity && quantity >= needs.reorder_quantity);
                        let ordered = Needs { incoming: needs.incoming + quantity, ..needs };
                        prop_assert_eq!(ordered.quantity(), None);
                        let one_pack_less = quantity - needs.pack_size;
                        let least = needs.minimum_quantity.max(needs.reorder_quantity)
                            .max(needs.reorder_level() - needs.position() + 1);
                        let cover = demand(needs.sold, needs.cover_days, needs.demand_days).max(1);
                        prop_assert!(one_pack_less < least.max(needs.reorder_level() - needs.position() + cover), "no pack too many");
                    }
                }
            }
        }

        /// More to sell never means more to order; more sold never means less.
        #[test]
        fn more_stock_less_to_order(needs in any_needs(), more in 1_i64..1_000) {
            let stocked = Needs { available: needs.available + more, ..needs };
            prop_assert!(stocked.quantity().unwrap_or(0) <= needs.quantity().unwrap_or(0));
            let sold = Needs { sold: needs.sold + more, ..needs };
            prop_assert!(sold.quantity().unwrap_or(0) >= needs.quantity().unwrap_or(0));
        }
    }
}
