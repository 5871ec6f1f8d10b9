//! Payments: what is known of an order's money. Who takes the money tells us; we move none.

use crate::order::OrderStatus;
use serde::{Deserialize, Serialize};

words! {
    /// What an order asks of its payment.
    pub enum PaymentTerms {
        /// It must be paid before it ships, while its hold lasts.
        Required = "required",
    }
}

words! {
    /// How it stands with an order's payment.
    pub enum PaymentStatus {
        /// It must be paid before it ships, and is not.
        Required = "required",
        /// It is paid.
        Paid = "paid",
        /// Some of the money was given back.
        PartlyRefunded = "partly_refunded",
        /// All of the money was given back.
        Refunded = "refunded",
    }
}

/// What was paid for an order, or must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Payment {
    /// How it stands.
    pub status: PaymentStatus,
    /// ISO 4217 code; `null` before anything was paid.
    pub currency: Option<String>,
    /// What was paid, in minor units.
    pub paid_minor: i64,
    /// What of that was given back, in minor units.
    pub refunded_minor: i64,
    /// Whether money is to be given back: the order has ended without its goods.
    pub is_refund_due: bool,
}

/// All that is known of one payment at who takes the money. Messages about it come twice, late and in any order, so each tells
/// totals and not changes: the larger total is the newer one, and taking note of it twice changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Paid in all, in minor units.
    pub paid_minor: i64,
    /// Given back in all, in minor units.
    pub refunded_minor: i64,
}

impl Totals {
    /// What is known after `other` was heard, too.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            paid_minor: self.paid_minor.max(other.paid_minor),
            refunded_minor: self.refunded_minor.max(other.refunded_minor),
        }
    }
}

impl Payment {
    /// Nothing was paid yet and something must be.
    pub const fn awaited() -> Self {
        Self {
            status: PaymentStatus::Required,
            currency: None,
            paid_minor: 0,
            refunded_minor: 0,
            is_refund_due: false,
        }
    }

    /// As it stands with these totals of all payments for an order of this status.
    pub fn of(currency: String, totals: Totals, order: OrderStatus) -> Self {
        let Totals {
            paid_minor,
            refunded_minor,
        } = totals;
        let status = match (paid_minor, refunded_minor) {
            (0, 0) => PaymentStatus::Required,
            (_, 0) => PaymentStatus::Paid,
            (paid, refunded) if refunded < paid => PaymentStatus::PartlyRefunded,
            _ => PaymentStatus::Refunded,
        };
        let mut payment = Self {
            status,
            currency: Some(currency),
            paid_minor,
            refunded_minor,
            is_refund_due: false,
        };
        payment.settle(order);
        payment
    }

    /// Whether the order may ship as far as money is concerned.
    pub const fn allows_shipping(&self) -> bool {
        matches!(self.status, PaymentStatus::Paid | PaymentStatus::PartlyRefunded)
    }

    /// Takes note of the order's status: money for an order that ended without its goods is to be given back.
    pub const fn settle(&mut self, order: OrderStatus) {
        self.is_refund_due = order.is_void() && self.paid_minor > self.refunded_minor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn totals_give_the_status() {
        for (paid, refunded, status) in [
            (0, 0, PaymentStatus::Required),
            (10, 0, PaymentStatus::Paid),
            (10, 3, PaymentStatus::PartlyRefunded),
            (10, 10, PaymentStatus::Refunded),
        ] {
            let totals = Totals {
                paid_minor: paid,
                refunded_minor: refunded,
            };
            let payment = Payment::of("EUR".into(), totals, OrderStatus::Confirmed);
            assert_eq!((payment.status, payment.is_refund_due), (status, false));
            let ended = Payment::of("EUR".into(), totals, OrderStatus::Expired);
            assert_eq!(ended.is_refund_due, paid > refunded);
        }
    }

    proptest! {
        #[test]
        fn totals_do_not_depend_on_the_order_in_which_they_are_heard(
            heard in prop::collection::vec((0..100_i64, 0..100_i64), 1..8),
            seed in any::<prop::sample::Index>(),
        ) {
            let heard: Vec<_> = heard.into_iter().map(|(paid_minor, refunded_minor)| Totals { paid_minor, refunded_minor }).collect();
            let know = |heard: &[Totals]| heard.iter().fold(Totals::default(), |known, next| known.and(*next));
            let mut other = heard.clone();
            other.rotate_left(seed.index(heard.len()));
            other.extend_from_within(..);
            prop_assert_eq!(know(&heard), know(&other));
        }
    }
}
