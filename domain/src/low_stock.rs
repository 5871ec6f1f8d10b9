//! When stock is low: one policy, used by every change of a level and by the sweep.
//!
//! An alert is raised when the available units come down to the reorder point, and cleared only when they are above a
//! higher mark, so that stock which moves around the reorder point does not raise and clear all day.

use crate::product::ProductStatus;

words! {
    /// How low.
    pub enum Severity {
        /// At or below the reorder point.
        Low = "low",
        /// Nothing available.
        Out = "out",
    }
}

/// What a change of the level means for the stock item's alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// Nothing.
    Keep,
    /// There was no open alert: open one.
    Raise(Severity),
    /// The open alert has another severity from now on.
    Escalate(Severity),
    /// The stock has recovered: close the alert.
    Clear,
}

/// The mark that available units must exceed before an alert is cleared: a tenth above the reorder point, at least one unit.
/// (The sweep's SQL uses the same integer arithmetic.)
pub const fn clear_mark(reorder_point: i64) -> i64 {
    let tenth = reorder_point / 10;
    reorder_point + if tenth > 1 { tenth } else { 1 }
}

/// The effective reorder point of a stock item: its own, else the product's; `None` when the product is not reordered any
/// more and can therefore not be low.
pub const fn effective_reorder_point(status: ProductStatus, product: i64, own: Option<i64>) -> Option<i64> {
    match (status, own) {
        (ProductStatus::Active, Some(own)) => Some(own),
        (ProductStatus::Active, None) => Some(product),
        _ => None,
    }
}

/// What `available` units mean, given the effective reorder point (`None`: never low) and the open alert's severity.
pub const fn evaluate(available: i64, reorder_point: Option<i64>, open: Option<Severity>) -> AlertChange {
    let Some(point) = reorder_point else {
        return if open.is_some() {
            AlertChange::Clear
        } else {
            AlertChange::Keep
        };
    };
    let severity = if available <= 0 { Severity::Out } else { Severity::Low };
    match open {
        None if available <= point => AlertChange::Raise(severity),
        Some(_) if available > clear_mark(point) => AlertChange::Clear,
        Some(was) if (was as u8) != (severity as u8) => AlertChange::Escalate(severity),
        _ => AlertChange::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_at_the_point_and_clears_above_the_mark() {
        assert_eq!(evaluate(11, Some(10), None), AlertChange::Keep);
        assert_eq!(evaluate(10, Some(10), None), AlertChange::Raise(Severity::Low));
        assert_eq!(evaluate(11, Some(10), Some(Severity::Low)), AlertChange::Keep);
        assert_eq!(evaluate(12, Some(10), Some(Severity::Low)), AlertChange::Clear);
        assert_eq!(clear_mark(100), 110);
        assert_eq!(clear_mark(0), 1);
    }

    #[test]
    fn severity_follows_the_level() {
        assert_eq!(evaluate(0, Some(0), None), AlertChange::Raise(Severity::Out));
        assert_eq!(
            evaluate(0, Some(10), Some(Severity::Low)),
            AlertChange::Escalate(Severity::Out)
        );
        assert_eq!(
            evaluate(3, Some(10), Some(Severity::Out)),
            AlertChange::Escalate(Severity::Low)
        );
    }

    #[test]
    fn what_is_not_reordered_is_never_low() {
        assert_eq!(evaluate(0, None, None), AlertChange::Keep);
        assert_eq!(evaluate(0, None, Some(Severity::Out)), AlertChange::Clear);
        assert_eq!(effective_reorder_point(ProductStatus::Discontinued, 10, Some(5)), None);
        assert_eq!(effective_reorder_point(ProductStatus::Active, 10, Some(5)), Some(5));
        assert_eq!(effective_reorder_point(ProductStatus::Active, 10, None), Some(10));
    }

    proptest::proptest! {
        /// Whatever the levels do, an alert is open after a step exactly when hysteresis says so, and never raised twice.
        #[test]
        fn one_open_alert(levels in proptest::collection::vec(0_i64..40, 1..60), point in 0_i64..20) {
            let mut open = None;
            for available in levels {
                let before = open;
                match evaluate(available, Some(point), open) {
                    AlertChange::Keep => {}
                    AlertChange::Raise(severity) => { assert!(before.is_none()); open = Some(severity); }
                    AlertChange::Escalate(severity) => { assert!(before.is_some_and(|b| b != severity)); open = Some(severity); }
                    AlertChange::Clear => { assert!(before.is_some()); open = None; }
                }
                if available <= point { assert!(open.is_some()); }
                if available > clear_mark(point) { assert!(open.is_none()); }
                if let Some(severity) = open { assert_eq!(severity == Severity::Out, available == 0); }
            }
        }
    }
}
