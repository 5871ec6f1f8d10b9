//! Customers: the one place that holds personal data.

use crate::Timestamp;
use serde::Serialize;

/// What the reference of an erased customer begins with; its id follows. Nobody else's reference may begin so.
pub const ERASED_PREFIX: &str = "erased-";

/// Whether a reference is that of an erased customer.
pub fn is_erased(reference: &str) -> bool {
    reference.starts_with(ERASED_PREFIX)
}

/// The reference that takes the place of an erased customer's own.
pub fn erased_reference(id: i64) -> String {
    format!("{ERASED_PREFIX}{id}")
}

/// The subject of a customer's events, audit rows and access records.
pub fn subject(id: i64) -> String {
    format!("customers/{id}")
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Customer {
    /// Positive, given by us.
    pub id: i64,
    /// The reference under which the customer orders; `erased-<id>` once erased.
    pub reference: String,
    /// When the first order came.
    pub created_at: Timestamp,
    /// When the customer was erased.
    pub erased_at: Option<Timestamp>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
}
