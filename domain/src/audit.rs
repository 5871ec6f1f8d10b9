//! Who did what, and who saw whom.

use crate::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// One change, as the audit trail keeps it: written in the transaction of the change, never changed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Positive, given by us; grows with time.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who: a principal, or the program's own part (`stock_sweep`).
    pub actor: String,
    /// From where: the client's address, where there is one.
    pub address: Option<String>,
    /// The request or invocation it belongs to.
    pub request_id: String,
    /// What was done (`products_create`).
    pub action: String,
    /// What it was done to (`products/1`).
    pub entity: String,
    /// The thing before; `null` where there was none.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub before: Option<Box<RawValue>>,
    /// The thing after.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub after: Option<Box<RawValue>>,
}

/// That somebody was shown personal data, once or several times shortly after each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessEntry {
    /// Positive, given by us.
    pub id: i64,
    /// When for the first time.
    pub first_at: Timestamp,
    /// When for the last time.
    pub last_at: Timestamp,
    /// How many times.
    pub times: i64,
    /// To whom.
    pub actor: String,
    /// The client's address the last time.
    pub address: Option<String>,
    /// The request of the last time.
    pub request_id: String,
    /// The operation that showed it (`orders_get`).
    pub action: String,
    /// Whose data: `customers/1`; `parked/1` for a message with all it holds; `customers` for more than are told apart.
    pub entity: String,
}
