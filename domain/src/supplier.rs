//! Suppliers: who products are ordered from, and on which terms.

use crate::{Check, Refusal, Timestamp, limits, location::code_from_name};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Priority of a supplier for a product where nobody gave one.
const DEFAULT_PRIORITY: i64 = 100;

/// Who products are ordered from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Supplier {
    /// Positive, given by us.
    pub id: i64,
    /// Unique short name for machines (`NORTHWIND`).
    pub code: String,
    /// Name for people.
    pub name: String,
    /// ISO 4217 code of what it charges.
    pub currency: String,
    /// Whether anything is ordered from it.
    pub enabled: bool,
    /// What it supplies; absent in lists and events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<SuppliedProduct>>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Supplier {
    /// Without its products: what a list and an event hold.
    #[must_use]
    pub fn summary(&self) -> Self {
        Self {
            products: None,
            ..self.clone()
        }
    }
}

const fn one() -> i64 {
    1
}

const fn default_priority() -> i64 {
    DEFAULT_PRIORITY
}

fn default_currency() -> String {
    "USD".to_owned()
}

const fn yes() -> bool {
    true
}

/// On which terms a supplier has a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SuppliedProduct {
    /// The product.
    pub product_id: i64,
    /// Days from ordering to receiving, 0 to 365.
    pub lead_time_days: i64,
    /// Units that are ordered at least; 1 where absent.
    #[serde(default = "one")]
    pub minimum_quantity: i64,
    /// Units in a pack: only whole packs are ordered; 1 where absent.
    #[serde(default = "one")]
    pub pack_size: i64,
    /// What one unit costs, in minor units of the supplier's currency.
    #[serde(default)]
    pub unit_cost_minor: i64,
    /// Units that should still be at a location when a delivery arrives, against demand and deliveries that are not as expected.
    #[serde(default)]
    pub safety_stock: i64,
    /// Of several suppliers of a product the one with the lowest number is suggested; 100 where absent.
    #[serde(default = "default_priority")]
    pub priority: i64,
}

fn check_products(check: &mut Check, products: &[SuppliedProduct]) {
    if products.len() > limits::SUPPLIED_PRODUCTS_MAX {
        let detail = format!("must be at most {}", limits::SUPPLIED_PRODUCTS_MAX);
        check.fail("/products", "too_many", detail);
        return;
    }
    let mut seen = HashSet::new();
    for (index, product) in products.iter().enumerate() {
        let at = |name: &str| format!("/products/{index}/{name}");
        check.range(&at("product_id"), product.product_id, 1, i64::MAX);
        check.range(
            &at("lead_time_days"),
            product.lead_time_days,
            0,
            limits::LEAD_TIME_DAYS_MAX,
        );
        check.range(
            &at("minimum_quantity"),
            product.minimum_quantity,
            1,
            limits::PURCHASE_QUANTITY_MAX,
        );
        check.range(&at("pack_size"), product.pack_size, 1, limits::PURCHASE_QUANTITY_MAX);
        check.range(
            &at("unit_cost_minor"),
            product.unit_cost_minor,
            0,
            limits::UNIT_PRICE_MINOR_MAX,
        );
        check.range(&at("safety_stock"), product.safety_stock, 0, limits::REORDER_MAX);
        check.range(&at("priority"), product.priority, 0, limits::PRIORITY_MAX);
        if !seen.insert(product.product_id) {
            check.fail(at("product_id"), "repeated", "must be there once");
        }
    }
}

/// What it takes to create a supplier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSupplier {
    /// Unique: capitals, digits and `-`; made from the name where absent.
    #[serde(default)]
    pub code: Option<String>,
    /// At most 200 characters.
    pub name: String,
    /// ISO 4217 code; USD where absent.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// Whether anything is ordered from it; `true` where absent.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it supplies, at most 500 products.
    #[serde(default)]
    pub products: Vec<SuppliedProduct>,
}

impl NewSupplier {
    /// The code asked for, else the one made from the name.
    pub fn code(&self) -> String {
        self.code.clone().unwrap_or_else(|| code_from_name(&self.name))
    }

    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/name", &self.name, limits::NAME_CHARS_MAX);
        check.code(if self.code.is_some() { "/code" } else { "/name" }, &self.code());
        check.currency("/currency", &self.currency);
        check_products(&mut check, &self.products);
        check.finish()
    }
}

/// Changes to a supplier: a member that is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SupplierChanges {
    /// A new code.
    #[serde(default)]
    pub code: Option<String>,
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another currency.
    #[serde(default)]
    pub currency: Option<String>,
    /// Whether anything is ordered from it.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// All that it supplies from now on.
    #[serde(default)]
    pub products: Option<Vec<SuppliedProduct>>,
}

impl SupplierChanges {
    /// The supplier with these changes, or why they are refused. Version and times stay as they are.
    pub fn apply(&self, supplier: &Supplier) -> Result<Supplier, Refusal> {
        let mut products = self.products.clone();
        if let Some(products) = &mut products {
            products.sort_by_key(|product| product.product_id);
        }
        let fields = NewSupplier {
            code: Some(self.code.clone().unwrap_or_else(|| supplier.code.clone())),
            name: self.name.clone().unwrap_or_else(|| supplier.name.clone()),
            currency: self.currency.clone().unwrap_or_else(|| supplier.currency.clone()),
            enabled: self.enabled.unwrap_or(supplier.enabled),
            products: self.products.clone().unwrap_or_default(),
        };
        fields.validate()?;
        Ok(Supplier {
            code: fields.code(),
            name: fields.name,
            currency: fields.currency,
            enabled: fields.enabled,
            products: products.or_else(|| supplier.products.clone()),
            ..supplier.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_checked_one_by_one() {
        let product = |product_id, pack_size| SuppliedProduct {
            product_id,
            lead_time_days: 3,
            minimum_quantity: 1,
            pack_size,
            unit_cost_minor: 0,
            safety_stock: 0,
            priority: 100,
        };
        let new = NewSupplier {
            code: None,
            name: "Northwind Traders".to_owned(),
            currency: "USD".to_owned(),
            enabled: true,
            products: vec![product(1, 6), product(2, 0), product(1, 1)],
        };
        assert_eq!(new.code(), "NORTHWIND-TRADERS");
        let Err(Refusal::Invalid(found)) = new.validate() else {
            panic!("must refuse")
        };
        let found: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
        assert_eq!(
            found,
            [
                ("/products/1/pack_size", "out_of_range"),
                ("/products/2/product_id", "repeated")
            ]
        );
    }
}
