//! Cycle counts: what is on the shelves, held against what the ledger says.
//!
//! A line's difference is taken at the moment it is counted. Posting adds the difference to what is there then, so that what
//! was sold or received in between stays as it is; corrections by other counts in between are not made twice.

use crate::{Check, Conflict, Refusal, Timestamp, limits};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

words! {
    /// Where a count is in its life.
    pub enum CountStatus {
        /// Being counted.
        Open = "open",
        /// Its differences are in the ledger.
        Posted = "posted",
        /// Called off. Final.
        Cancelled = "cancelled",
    }
}

words! {
    /// What became of a counted line.
    pub enum CountOutcome {
        /// There was nothing to adjust.
        Agreed = "agreed",
        /// The difference is in the ledger.
        Adjusted = "adjusted",
        /// Fewer units were counted than are promised to orders (or more than a location holds): nothing was adjusted. Posting
        /// again tries again.
        Blocked = "blocked",
        /// Somebody has counted the stock item later and posted that.
        Superseded = "superseded",
    }
}

/// A cycle count.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Count {
    /// Positive, given by us.
    pub id: i64,
    /// Where it is in its life.
    pub status: CountStatus,
    /// Name for people.
    pub name: String,
    /// Whether those who count are not told what is expected until it is posted.
    pub blind: bool,
    /// The location that was asked for.
    pub location_id: Option<i64>,
    /// The category that was asked for.
    pub category: Option<String>,
    /// Stock items to count.
    pub lines_total: i64,
    /// Those that are counted.
    pub lines_counted: i64,
    /// How right the ledger was; absent where nothing is counted yet, or where it would say what is hidden.
    pub accuracy: Option<Accuracy>,
    /// The lines; absent in lists and events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<CountLine>>,
    /// Who opened it.
    pub created_by: String,
    /// Grows with each change; the value of the `ETag`.
    pub version: i64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was posted.
    pub posted_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One stock item of a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CountLine {
    /// The stock item.
    pub stock_item_id: i64,
    /// Its product's SKU.
    pub sku: String,
    /// Its location's name.
    pub location: String,
    /// Units on hand when the count was opened; `null` where hidden.
    pub expected: Option<i64>,
    /// Units counted.
    pub counted: Option<i64>,
    /// Units that the ledger had at the moment of counting; `null` where hidden.
    pub on_hand: Option<i64>,
    /// Counted less on hand; `null` where hidden.
    pub difference: Option<i64>,
    /// When it was counted.
    pub counted_at: Option<Timestamp>,
    /// By whom.
    pub counted_by: Option<String>,
    /// How many times it was counted; the last one holds.
    pub times: i64,
    /// What became of it.
    pub outcome: Option<CountOutcome>,
    /// Units that posting has added or taken away.
    pub adjusted: Option<i64>,
}

/// How right the ledger was (the share of lines counted without a difference).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accuracy {
    /// Lines counted.
    pub counted: i64,
    /// Of those, the ones without a difference.
    pub agreeing: i64,
    /// Agreeing, of those counted, from 0 to 1.
    pub rate: f64,
    /// By value, one row per currency.
    pub value: Vec<CountedValue>,
}

/// How right the ledger was, by value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CountedValue {
    /// ISO 4217 code.
    pub currency: String,
    /// What the units on hand of the lines counted were worth, in minor units.
    pub on_hand_minor: i64,
    /// What all differences are worth, more and less alike, in minor units.
    pub difference_minor: i64,
    /// What is left of 1 after the share of the differences, not below 0; `null` where nothing was on hand.
    pub rate: Option<f64>,
}

impl CountedValue {
    /// From the sums of a currency.
    pub fn new(currency: String, on_hand_minor: i64, difference_minor: i64) -> Self {
        let rate = (on_hand_minor > 0).then(|| (1.0 - difference_minor as f64 / on_hand_minor as f64).max(0.0));
        Self {
            currency,
            on_hand_minor,
            difference_minor,
            rate,
        }
    }
}

impl Accuracy {
    /// From the sums; `None` where nothing was counted.
    pub fn new(counted: i64, agreeing: i64, value: Vec<CountedValue>) -> Option<Self> {
        (counted > 0).then(|| Self {
            counted,
            agreeing,
            rate: agreeing as f64 / counted as f64,
            value,
        })
    }
}

impl Count {
    /// Without its lines: what a list and an event hold.
    #[must_use]
    pub fn summary(&self) -> Self {
        Self {
            lines: None,
            ..self.clone()
        }
    }

    /// What those who count are told: as long as a blind count is open, not what is expected.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        if self.blind && self.status != CountStatus::Posted {
            self.accuracy = None;
            for line in self.lines.iter_mut().flatten() {
                (line.expected, line.on_hand, line.difference) = (None, None, None);
            }
        }
        self
    }

    /// Refuses what only an open count can do.
    pub fn expect_open(&self, what: &str) -> Result<(), Refusal> {
        self.must_be(self.status == CountStatus::Open, what)
    }

    /// Refuses to post what is posted, unless lines of it were blocked.
    pub fn expect_postable(&self, has_blocked: bool) -> Result<(), Refusal> {
        let is_again = self.status == CountStatus::Posted && has_blocked;
        self.must_be(self.status == CountStatus::Open || is_again, "posted")
    }

    fn must_be(&self, is_right: bool, what: &str) -> Result<(), Refusal> {
        if is_right {
            return Ok(());
        }
        let detail = format!("count {} is {} and cannot be {what}", self.id, self.status);
        Err(Refusal::conflict(Conflict::CountState, detail))
    }
}

/// A counted line as it is posted, and what the ledger says meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Units counted.
    pub counted: i64,
    /// Units that the ledger had at the moment of counting.
    pub on_hand: i64,
    /// What other counts have added or taken away since.
    pub corrected_since: i64,
    /// Whether somebody has counted later and posted that.
    pub is_superseded: bool,
}

impl Counted {
    /// What posting does to a stock item with these levels: the outcome and the units to add or take away.
    pub const fn post(&self, on_hand: i64, reserved: i64) -> (CountOutcome, i64) {
        if self.is_superseded {
            return (CountOutcome::Superseded, 0);
        }
        let delta = self.counted - self.on_hand - self.corrected_since;
        let after = on_hand + delta;
        if delta == 0 {
            (CountOutcome::Agreed, 0)
        } else if after < reserved || after > limits::ON_HAND_MAX {
            (CountOutcome::Blocked, 0)
        } else {
            (CountOutcome::Adjusted, delta)
        }
    }
}

/// What it takes to open a count: of all stock items that fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewCount {
    /// Name for people, at most 200 characters.
    pub name: String,
    /// Whether those who count (below manager) are not told what is expected until it is posted.
    #[serde(default)]
    pub blind: bool,
    /// Only at this location.
    #[serde(default)]
    pub location_id: Option<i64>,
    /// Only of products in this category.
    #[serde(default)]
    pub category: Option<String>,
    /// Only of these products, at most 200.
    #[serde(default)]
    pub product_ids: Option<Vec<i64>>,
}

impl NewCount {
    /// Refuses what breaks a rule of [`limits`].
    pub fn validate(&self) -> Result<(), Refusal> {
        let mut check = Check::new();
        check.text("/name", &self.name, limits::NAME_CHARS_MAX);
        check.text_opt("/category", self.category.as_deref(), limits::CATEGORY_CHARS_MAX);
        if let Some(id) = self.location_id {
            check.range("/location_id", id, 1, i64::MAX);
        }
        if let Some(ids) = &self.product_ids {
            if !(1..=limits::COUNT_PRODUCTS_MAX).contains(&ids.len()) {
                let detail = format!("must be 1 to {} ids, got {}", limits::COUNT_PRODUCTS_MAX, ids.len());
                check.fail("/product_ids", "out_of_range", detail);
            }
            for (index, id) in ids.iter().take(limits::COUNT_PRODUCTS_MAX).enumerate() {
                check.range(&format!("/product_ids/{index}"), *id, 1, i64::MAX);
            }
        }
        check.finish()
    }
}

/// What was counted of one stock item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordedLine {
    /// The stock item.
    pub stock_item_id: i64,
    /// Units counted.
    pub counted: i64,
    /// When; now where absent. Not before the count was opened.
    #[serde(default)]
    pub counted_at: Option<Timestamp>,
}

/// What was counted. A line that was counted before is counted anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Each stock item once, at most 1,000.
    pub lines: Vec<RecordedLine>,
}

impl Record {
    /// Refuses what breaks a rule; `opened` is when the count was opened.
    pub fn validate(&self, opened: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        let mut check = Check::new();
        if !(1..=limits::RECORDED_LINES_MAX).contains(&self.lines.len()) {
            let detail = format!(
                "must be 1 to {} lines, got {}",
                limits::RECORDED_LINES_MAX,
                self.lines.len()
            );
            check.fail("/lines", "out_of_range", detail);
            return check.finish();
        }
        let mut seen = HashSet::new();
        for (index, line) in self.lines.iter().enumerate() {
            let at = |name: &str| format!("/lines/{index}/{name}");
            check.range(&at("stock_item_id"), line.stock_item_id, 1, i64::MAX);
            check.range(&at("counted"), line.counted, 0, limits::ON_HAND_MAX);
            if line.counted_at.is_some_and(|at| at < opened || at > now) {
                let detail = format!("must be between {opened}, when the count was opened, and now");
                check.fail(at("counted_at"), "out_of_range", detail);
            }
            if !seen.insert(line.stock_item_id) {
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

    const fn counted(counted: i64, on_hand: i64) -> Counted {
        Counted {
            counted,
            on_hand,
            corrected_since: 0,
            is_superseded: false,
        }
    }

    #[test]
    fn what_happened_meanwhile_is_not_undone() {
        assert_eq!(
            counted(8, 10).post(7, 0),
            (CountOutcome::Adjusted, -2),
            "three were sold"
        );
        assert_eq!(counted(10, 10).post(7, 0), (CountOutcome::Agreed, 0));
        assert_eq!(counted(2, 10).post(10, 3), (CountOutcome::Blocked, 0));
        let by_another = Counted {
            corrected_since: -2,
            ..counted(8, 10)
        };
        assert_eq!(by_another.post(8, 0), (CountOutcome::Agreed, 0), "not twice");
        let later = Counted {
            is_superseded: true,
            ..counted(8, 10)
        };
        assert_eq!(later.post(9, 0), (CountOutcome::Superseded, 0));
    }

    proptest! {
        /// Two who count the same shelf at any time end with what is on it, whoever posts first.
        #[test]
        fn two_counts_of_a_shelf_agree(
            ledger in 0_i64..100, shelf in 0_i64..100, moved in proptest::array::uniform3(-20_i64..20), first_is_a in any::<bool>(),
        ) {
            let (mut on_hand, mut real) = (ledger + 100, shelf + 100);
            let a = counted(real, on_hand);
            on_hand += moved[0]; real += moved[0];
            let b = counted(real, on_hand);
            on_hand += moved[1]; real += moved[1];
            let (first, second) = if first_is_a { (a, b) } else { (b, a) };
            let (_, delta) = first.post(on_hand, 0);
            on_hand += delta;
            prop_assert_eq!(on_hand, real);
            on_hand += moved[2]; real += moved[2];
            let second = Counted { corrected_since: delta, is_superseded: !first_is_a, ..second };
            let (outcome, delta) = second.post(on_hand, 0);
            prop_assert!(outcome != CountOutcome::Blocked);
            prop_assert_eq!(on_hand + delta, real);
        }

        /// Whatever was counted, units that are promised stay.
        #[test]
        fn never_below_what_is_promised(line in (0_i64..100, 0_i64..100), on_hand in 0_i64..100, reserved in 0_i64..100) {
            prop_assume!(reserved <= on_hand);
            let (_, delta) = counted(line.0, line.1).post(on_hand, reserved);
            prop_assert!(on_hand + delta >= reserved);
        }
    }
}
