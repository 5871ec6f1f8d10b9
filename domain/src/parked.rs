//! Parked messages: what could not be processed, kept with its reason so that nothing is lost (invariant I8).

use crate::Timestamp;
use serde::Serialize;

words! {
    /// Why a message was parked.
    pub enum ParkReason {
        /// The body is not JSON.
        NotJson = "not_json",
        /// The body is JSON but not an order message.
        NotAnOrder = "not_an_order",
        /// The body is larger than an order message may be.
        TooLarge = "too_large",
        /// A value breaks a rule.
        Invalid = "invalid",
        /// A line names a product that does not exist.
        UnknownProduct = "unknown_product",
        /// It names a customer by an id that nobody has.
        UnknownCustomer = "unknown_customer",
        /// It names an order that does not exist.
        UnknownOrder = "unknown_order",
        /// An order with this id exists and says something else, or a reservation has it.
        OrderIdTaken = "order_id_taken",
        /// The database refused this message's data, and it alone.
        DataRefused = "data_refused",
        /// The broker gave up on it.
        DeadLettered = "dead_lettered",
    }
}

/// A parked message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParkedMessage {
    /// Positive, given by us.
    pub id: i64,
    /// Where it came from (`orders`, `orders/$deadletterqueue`).
    pub source: String,
    /// Its message id.
    pub message_id: String,
    /// How often the broker had delivered it.
    pub delivery_count: i64,
    /// Why it was parked.
    pub reason: ParkReason,
    /// A sentence for people.
    pub detail: String,
    /// The body as it came, where characters allow it; see `truncated`.
    pub body: String,
    /// Whether the body was longer than is kept; such a message cannot be replayed.
    pub truncated: bool,
    /// When it was parked.
    pub parked_at: Timestamp,
    /// When it was sent again.
    pub replayed_at: Option<Timestamp>,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
}
