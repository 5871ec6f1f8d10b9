//! Products: what is sold.

use crate::{Check, Refusal, Timestamp, limits};
use serde::{Deserialize, Serialize};

words! {
    /// Where a product is in its life.
    pub enum ProductStatus {
        /// Sold and reordered.
        Active = "active",
        /// Sold while stock lasts, never reordered, so never "low".
        Discontinued = "discontinued",
        /// No stock, no new orders. Final.
        Archived = "archived",
    }
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Product {
    /// Positive, given by us.
    pub id: i64,
    /// The stock keeping unit: unique, chosen by the caller.
    pub sku: String,
    /// Name for people.
    pub name: String,
    /// Free grouping.
    pub category: Option<String>,
    /// EAN, UPC or any other code on the package; unique.
    pub barcode: Option<String>,
    /// Price of one unit in minor units (cents) of `currency`.
    pub unit_price_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// At or below so many available units at a location the product is low there.
    pub reorder_point: i64,
    /// Units to order at a time.
    pub reorder_quantity: i64,
    /// Where the product is in its life.
    pub status: ProductStatus,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

fn default_currency() -> String {
    "USD".to_owned()
}

/// What it takes to create a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Unique, at most 64 characters.
    pub sku: String,
    /// At most 200 characters.
    pub name: String,
    /// At most 100 characters.
    #[serde(default)]
    pub category: Option<String>,
    /// Unique where given, at most 64 characters.
    #[serde(default)]
    pub barcode: Option<String>,
    /// Price of one unit in minor units.
    #[serde(default)]
    pub unit_price_minor: i64,
    /// ISO 4217 code; USD where not given.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// Units at or below which the product is low at a location.
    #[serde(default)]
    pub reorder_point: i64,
    /// Units to order at a time.
    #[serde(default)]
    pub reorder_quantity: i64,
}

impl NewProduct {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/sku", &self.sku, limits::SKU_CHARS_MAX);
        check.text("/name", &self.name, limits::NAME_CHARS_MAX);
        check.text_opt("/category", self.category.as_deref(), limits::CATEGORY_CHARS_MAX);
        check.text_opt("/barcode", self.barcode.as_deref(), limits::BARCODE_CHARS_MAX);
        check.range(
            "/unit_price_minor",
            self.unit_price_minor,
            0,
            limits::UNIT_PRICE_MINOR_MAX,
        );
        check.currency("/currency", &self.currency);
        check.range("/reorder_point", self.reorder_point, 0, limits::REORDER_MAX);
        check.range("/reorder_quantity", self.reorder_quantity, 0, limits::REORDER_MAX);
        check.finish()
    }
}

/// Changes to a product: a member that is absent stays as it is (JSON merge patch, RFC 7396).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProductChanges {
    /// A new SKU.
    #[serde(default)]
    pub sku: Option<String>,
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// A new category, or `null` for none.
    #[serde(default, deserialize_with = "crate::validation_serde::present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub category: Option<Option<String>>,
    /// A new barcode, or `null` for none.
    #[serde(default, deserialize_with = "crate::validation_serde::present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub barcode: Option<Option<String>>,
    /// A new price in minor units.
    #[serde(default)]
    pub unit_price_minor: Option<i64>,
    /// A new currency.
    #[serde(default)]
    pub currency: Option<String>,
    /// A new reorder point.
    #[serde(default)]
    pub reorder_point: Option<i64>,
    /// A new reorder quantity.
    #[serde(default)]
    pub reorder_quantity: Option<i64>,
    /// `active` or `discontinued`; archiving is an operation of its own.
    #[serde(default)]
    pub status: Option<ProductStatus>,
}

impl ProductChanges {
    /// The product with these changes, or why they are refused. Version and times stay as they are.
    pub fn apply(&self, product: &Product) -> Result<Product, Refusal> {
        if product.status == ProductStatus::Archived {
            return Err(Refusal::conflict(
                crate::Conflict::ProductArchived,
                format!("product {} is archived and cannot be changed", product.id),
            ));
        }
        if self.status == Some(ProductStatus::Archived) {
            return Err(Refusal::invalid(
                "/status",
                "not_allowed",
                "archive a product with DELETE, not by its status",
            ));
        }
        let mut changed = product.clone();
        let fields = NewProduct {
            sku: self.sku.clone().unwrap_or(changed.sku),
            name: self.name.clone().unwrap_or(changed.name),
            category: self.category.clone().unwrap_or(changed.category),
            barcode: self.barcode.clone().unwrap_or(changed.barcode),
            unit_price_minor: self.unit_price_minor.unwrap_or(changed.unit_price_minor),
            currency: self.currency.clone().unwrap_or(changed.currency),
            reorder_point: self.reorder_point.unwrap_or(changed.reorder_point),
            reorder_quantity: self.reorder_quantity.unwrap_or(changed.reorder_quantity),
        };
        fields.validate()?;
        changed.sku = fields.sku;
        changed.name = fields.name;
        changed.category = fields.category;
        changed.barcode = fields.barcode;
        changed.unit_price_minor = fields.unit_price_minor;
        changed.currency = fields.currency;
        changed.reorder_point = fields.reorder_point;
        changed.reorder_quantity = fields.reorder_quantity;
        changed.status = self.status.unwrap_or(changed.status);
        Ok(changed)
    }
}
