//! Alerts: a stock item that is low, until it has recovered.

use crate::{Check, Refusal, Timestamp, limits, low_stock::Severity};
use serde::{Deserialize, Serialize};

words! {
    /// Where an alert is in its life.
    pub enum AlertStatus {
        /// Nobody has seen it yet.
        Open = "open",
        /// Somebody has taken it on; it stays until the stock has recovered.
        Acknowledged = "acknowledged",
        /// The stock has recovered.
        Cleared = "cleared",
    }
}

/// A low-stock alert. At most one of a stock item is not cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Positive, given by us.
    pub id: i64,
    /// The stock item.
    pub stock_item_id: i64,
    /// Its product.
    pub product_id: i64,
    /// The product's SKU.
    pub sku: String,
    /// Its location.
    pub location_id: i64,
    /// The location's name.
    pub location: String,
    /// How low.
    pub severity: Severity,
    /// Where the alert is in its life.
    pub status: AlertStatus,
    /// Available units when the severity was last set.
    pub available: i64,
    /// The effective reorder point then.
    pub reorder_point: i64,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When somebody took it on.
    pub acknowledged_at: Option<Timestamp>,
    /// Who took it on.
    pub acknowledged_by: Option<String>,
    /// When the stock had recovered.
    pub cleared_at: Option<Timestamp>,
    /// Until then channels are told nothing of it; then they are reminded.
    pub snoozed_until: Option<Timestamp>,
}

/// For how long nobody is told of an alert.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Snooze {
    /// So many minutes from now, 1 to 43,200 (thirty days); 0 ends the rest.
    pub minutes: i64,
}

impl Snooze {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.range("/minutes", self.minutes, 0, limits::SNOOZE_MINUTES_MAX);
        check.finish()
    }
}
