//! What is true about inventory: products, stock, orders, allocation, low stock.
//!
//! Pure: no I/O, no async, no clock. Everything that decides something is a function of its arguments, so that it can be
//! tested by the thousand and read without knowing a database or a protocol.
#![cfg_attr(test, allow(clippy::unwrap_used))]

/// A closed set of words that are stored, sent and received as text.
///
/// Gives the enum `as_str`, `parse`, `ALL`, `Display`, and serde as the same text.
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        $vis enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value of a stored or received word; `None` for an unknown one.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub mod account;
pub mod alert;
pub mod allocation;
pub mod audit;
pub mod channel;
pub mod count;
pub mod customer;
pub mod delivery;
pub mod event;
pub mod file_job;
pub mod fulfilment;
pub mod hold;
pub mod limits;
pub mod location;
pub mod low_stock;
pub mod movement;
pub mod order;
pub mod pace;
pub mod parked;
pub mod payment;
pub mod product;
pub mod purchase;
pub mod refusal;
pub mod replenishment;
pub mod returns;
pub mod role;
pub mod shipment;
pub mod stock;
pub mod supplier;
pub mod timeline;
pub mod timestamp;
pub mod transfer;
pub mod validation;
mod validation_serde;
pub mod webhook;

pub use refusal::{Conflict, Refusal};
pub use role::Role;
pub use timestamp::Timestamp;
pub use validation::{Check, Violation};
